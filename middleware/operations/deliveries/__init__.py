"""Deliveries in the hands of people: looking, replaying, and deciding what is held."""
