"""Serving connections: the only background work there is."""
