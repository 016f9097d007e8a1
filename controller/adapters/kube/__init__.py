"""The Kubernetes API: the only package that imports `kubernetes` and aiohttp; raw JSON in and out."""
