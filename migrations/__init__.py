"""How a database comes to look like `middleware.db.tables`, one change a file.

Run by `middleware.db.migrate`, or by the `alembic` command with THREADLINE_DATABASE_URL set.
"""
