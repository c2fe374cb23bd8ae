"""The whole hub in virtual time, by seed."""
