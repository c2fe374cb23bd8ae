"""Everything about one message, person or conversation, on one page."""
