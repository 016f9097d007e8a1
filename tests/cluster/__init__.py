"""A real Kubernetes control plane for tests, and what stands around it: a small kubelet, a small metrics server.

    with control_plane(folder, binaries) as cluster, kubelet(cluster.api), metrics_server(cluster, board):
        cluster.api.create("/apis/apps/v1/namespaces/default/deployments", {...})

Tests take the fixtures `control_plane_programs` or `cluster`, which skip where `make control-plane` has not been run.
"""
