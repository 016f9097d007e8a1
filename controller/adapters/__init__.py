"""Where the controller meets files, clusters and clocks. Adapters do not import each other."""
