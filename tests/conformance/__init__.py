"""The HPA model held to the real controller: scenarios are made up, played against it, recorded, and replayed.

chance     what scenarios are made of, by chance (pure)
scenarios  seed -> what happens to an HPA, step by step (pure)
telling    what a step says of the metrics, for the metrics server and for the vector (pure)
stage      what the controller asks and answers, as it happens, with each sync held until it may go on
workload   a scenario's objects in the cluster
player     one scenario against a running control plane -> a vector
recorder   many at once, with a restart amid them: `make hpa-vectors`
vectors    a vector <-> JSON, and through the model
"""
