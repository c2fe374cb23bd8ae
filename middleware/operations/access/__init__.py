"""Who may do what, who did what, and the keys everything is sealed with."""
