"""The hub: it knows everyone, and nobody knows it."""
