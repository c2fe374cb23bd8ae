"""What a replay would do, shown before it is done."""
