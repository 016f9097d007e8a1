"""What can go wrong between a forecast and a patched HPA.

* ControllerError
    * BadPolicy          a policy that contradicts itself or names something unknown
    * BadLedger          a ledger file that cannot be read back
    * LedgerMismatch     a ledger whose inputs do not give its decisions
        * BrokenChain    a ledger whose decisions do not go on from one another
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
