"""Foresail end to end, on real parts: `make e2e`.

    control plane   etcd, API server, HPA controller (a sync every 15 s, as shipped): tests/cluster
    pods            real `foresail gateway` processes, one in each pod of a Deployment; the test kubelet starts, reports
                    ready and ends: gateways.py
    Prometheus      Debian's, with days of backfilled history; it scrapes those processes: prometheus_server.py
    metrics         what an HPA asks is answered from that Prometheus: meter.py
    users           real WebSocket clients: crowd.py
    all of it       stage.py, which tests take as the fixture `stage`

What is not real: pods are processes and not containers, and their addresses are this machine's own.
"""
