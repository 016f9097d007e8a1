"""One machine, the whole loop: real clients, real gateway processes, the shipped model, the production planner.

What is swapped for the sake of one machine: a process instead of a pod, a scrape in memory instead of Prometheus, and
the HPA that is the same step function the replay uses. Pure here: `scenario`, `history`, `arms`, `report`.
"""
