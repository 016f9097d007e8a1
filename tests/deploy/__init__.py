"""The Helm chart: what it renders, what a real API server says to that, and what its rules and its board read."""
