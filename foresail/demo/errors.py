"""What can end a demo early.

* DemoError
    * PodFailed     a gateway process did not start, or stopped answering
    * ClientFailed  a client could not do what the load asked of it
* Stopped           a signal asked for the end
"""


class DemoError(Exception):
    """Base of every error that ends a demo; its text is written for the user."""


class PodFailed(DemoError):
    """A gateway process did not start, or stopped answering."""


class ClientFailed(DemoError):
    """A client could not do what the load asked of it."""


class Stopped(Exception):
    """A signal asked for the end; everything is closed. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
