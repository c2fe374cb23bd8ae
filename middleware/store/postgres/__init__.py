"""The store on PostgreSQL.

Every method is a statement or two. What must be atomic is one statement where it can be, and row
locks where it cannot: a lane's row is the lock of its order, a lease's row that of its owner.
"""

from middleware.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
