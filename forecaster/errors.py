"""What can go wrong between a history and a forecast.

* ForecasterError
    * BadHistory         a history file or series that must not be guessed at
    * BadArtefact        a model folder that is missing, damaged or of another format
    * NoForecast         a forecaster has nothing to go on
"""


class ForecasterError(Exception):
    """Base of every error that this package raises on purpose; its text is written for the user."""


class BadHistory(ForecasterError):
    """A history that cannot be read without guessing: says where, what was found and what to do."""


class BadArtefact(ForecasterError):
    """A model folder that does not hold what its manifest promises."""


class NoForecast(ForecasterError):
    """Nothing known at an origin, so nothing can be said about what follows it."""
