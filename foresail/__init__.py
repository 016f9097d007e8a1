"""The `foresail` command and the one-machine demo: the only package that imports all the others."""

__version__ = "0.1.0"
