"""Copies of everything a hub knows, in one file, and the way back from it."""
