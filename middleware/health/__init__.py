"""Readiness and metrics that tell the truth."""
