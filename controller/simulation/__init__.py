"""The HPA and the world as step functions, so that the production planner can be replayed. Pure, like `decision`."""
