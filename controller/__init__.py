"""Policy, forecast and cluster in; a patched HPA out. Importing this package loads nothing heavy."""
