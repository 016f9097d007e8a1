"""The parts of the page, from top to bottom. Each draws what it is given."""
