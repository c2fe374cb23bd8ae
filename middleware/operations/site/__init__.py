"""What the hub stands on: its database, its disk, its clock, and how long ago it was backed up."""
