"""Whether the hub can do its work, and how much of it there is."""
