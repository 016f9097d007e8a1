"""`python -m foresail` is `foresail`."""

from foresail.cli import main

raise SystemExit(main())
