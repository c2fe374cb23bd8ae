"""Deliveries: attempting what is owed, and deciding what a failure means."""
