"""What arrived and could not be read: looking at it, and reading it again."""
