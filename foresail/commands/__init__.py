"""One file per command. Each has `register(commands)`, which adds its parser, and a `run(options) -> int`.

A command imports what it needs when it runs, so that `foresail gateway` never waits for a model's libraries.
"""
