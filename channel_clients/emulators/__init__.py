"""Providers good enough to demo against and nasty enough to test against."""
