"""What `make` runs: small scripts, no part of the product. `requirements` and `environment` need only Python itself."""
