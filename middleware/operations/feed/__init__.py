"""What is happening now: messages as they are taken in, and tries as they end."""
