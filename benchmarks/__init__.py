"""Measurements whose results are committed. No tests: they take minutes, and traces that the project does not hold."""
