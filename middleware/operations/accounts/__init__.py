"""Connections, registrations and routes of a workspace, and how well they are."""
