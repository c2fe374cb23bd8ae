"""What the hub remembers: one port, and PostgreSQL behind it."""
