"""What admins and integrators do: one implementation, for the API, the CLI and the console."""
