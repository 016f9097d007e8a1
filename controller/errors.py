"""What can go wrong between a forecast and a patched HPA.

* ControllerError
    * BadPolicy          a policy that contradicts itself or names something unknown
    * BadLedger          a ledger file that cannot be read back
    * LedgerMismatch     a ledger whose inputs do not give its decisions
        * BrokenChain    a ledger whose decisions do not go on from one another
    * ClusterError       what an API server did not do
        * ApiAway        no answer: refused, broken off, or not in time
        * ApiRefused     an answer that says no; by its reason Forbidden, NotFound, Conflict, Gone or TooMany
"""


class ControllerError(Exception):
    """Base of every error that this package raises on purpose; its text is written for the user."""


class BadPolicy(ControllerError):
    """A policy that cannot be followed: says which field, what was found and what is allowed."""


class BadLedger(ControllerError):
    """A ledger file that cannot be read back: says which line and what was found."""


class LedgerMismatch(ControllerError):
    """Replaying a ledger's inputs through `plan` gave another decision than the ledger holds.

    line           number of the line in the file, from 1
    expected, got  the decision that the ledger holds, and the one that `plan` gives, both as JSON
    """

    def __init__(self, line: int, expected: str, got: str) -> None:
        super().__init__(line, expected, got)
        self.line = line
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return (
            f"line {self.line}: the ledger holds the decision {self.expected}, its inputs give {self.got};"
            " it was changed, or written by another version"
        )


class BrokenChain(LedgerMismatch):
    """A decision does not go on from the one before it.

    expected, got  what differs: as the line holds it, and as the line before left it, both as JSON
    """

    def __str__(self) -> str:
        return (
            f"line {self.line}: goes on from {self.expected}, the line before left {self.got};"
            " a line was removed, repeated, moved or changed"
        )


class ClusterError(ControllerError):
    """The API server did not do what it was asked."""


class ApiAway(ClusterError):
    """No answer from the API server: the connection was refused or broken off, or took too long."""


class ApiRefused(ClusterError):
    """The API server said no.

    status       of HTTP
    reason       Kubernetes' word for it, such as NotFound
    retry_after  seconds after which it may be asked again, where it says so
    """

    def __init__(self, request: str, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{request}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Forbidden(ApiRefused):
    """The controller's account may not do that: its role lacks a rule."""


class NotFound(ApiRefused):
    """There is no such object, or no such kind of object."""


class Conflict(ApiRefused):
    """Another changed the object first, or holds the field; or an object of that name is there already."""


class Gone(ApiRefused):
    """The version that a watch was to begin with is no longer kept: list again."""


class TooMany(ApiRefused):
    """The API server has too much to do."""
