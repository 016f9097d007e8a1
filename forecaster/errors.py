"""What can go wrong between a history and a forecast.

* ForecasterError
    * BadHistory         a history file or series that must not be guessed at
    * BadSource          an address, token or certificate of a history server that cannot be used
    * QueryRefused       a history server understood a query and says no
    * SourceUnavailable  a history server that cannot be reached, or is too busy; later it may answer
    * StorageFailed      a file of rows that cannot be written or read: a full disk, or a broken one
    * BadArtefact        a model folder that is missing, damaged or of another format
    * BadCheckpoint      a training that was interrupted and cannot go on with what is asked for now
    * NoForecast         a forecaster has nothing to go on
"""


class ForecasterError(Exception):
    """Base of every error that this package raises on purpose; its text is written for the user."""


class BadHistory(ForecasterError):
    """A history that cannot be read without guessing: says where, what was found and what to do."""


class BadSource(ForecasterError):
    """What leads to a history server is wrong: an address, a header, a token or certificate file."""


class QueryRefused(ForecasterError):
    """A history server refused a query, and would refuse it again; the text has its own words."""


class SourceUnavailable(ForecasterError):
    """A history server gave no whole answer however often it was asked; the same question may be answered later."""


class StorageFailed(ForecasterError):
    """What a fleet keeps cannot be written to its file, or read from it; nothing was added."""


class BadArtefact(ForecasterError):
    """A model folder that does not hold what its manifest promises."""


class BadCheckpoint(ForecasterError):
    """A kept state of a training that is damaged, or that belongs to another training: says what differs."""


class NoForecast(ForecasterError):
    """Nothing known at an origin, so nothing can be said about what follows it."""
