"""The database: where it runs, how it is reached, what a transaction is."""
