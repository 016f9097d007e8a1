"""How a benchmark ends: as the `foresail` command does, with one line for what was wrong with the call or its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from controller.errors import ControllerError
from forecaster.errors import ForecasterError
from foresail.errors import UsageError
from foresail.output import err


def end_with(main: Callable[[], int]) -> NoReturn:
    """Ends the process with the exit code of `main`, or with 2 and the text of an error that is the project's own."""
    try:
        raise SystemExit(main())
    except (ControllerError, ForecasterError, UsageError) as error:
        err.print(str(error), soft_wrap=True)
        raise SystemExit(2) from None
