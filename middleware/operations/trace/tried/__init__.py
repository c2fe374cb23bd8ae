"""What was tried at a delivery, and what was only rehearsed."""
