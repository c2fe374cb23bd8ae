"""From what arrived to what is owed."""
