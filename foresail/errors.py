"""Errors of the command line and the demo.

* UsageError      options that contradict each other, or a value that is not allowed
* PlotUnavailable the plotting library is not installed
"""


class UsageError(Exception):
    """Something in the call is wrong; its text says what was found, what is allowed and what to do."""


class PlotUnavailable(UsageError):
    """A picture was asked for where matplotlib is missing."""
