"""The `foresail` command and the one-machine demo: the only package that imports all the others."""

import time

__version__ = "0.1.0"
STARTED_S = time.monotonic()
"""When the command began, before it imported anything large; on the monotonic clock."""
