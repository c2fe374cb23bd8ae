"""What PostgreSQL counts by itself: numbers that no busy machine changes."""

from dataclasses import dataclass

import asyncpg

COUNTED = """
    SELECT xact_commit AS commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal
    FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """Commits of one database, and bytes of write-ahead log of its server."""

    commits: int
    wal: int

    def metrics(self, before: "Tally", messages: float) -> dict[str, float]:
        return {
            "PostgreSQL commits/msg": (self.commits - before.commits) / messages,
            "WAL KiB/msg": (self.wal - before.wal) / messages / 1024,
        }


async def look(url: str) -> Tally | None:
    """Return the counters, which are up to a second old; None where there is no database."""
    if not url:
        return None
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(COUNTED)
    finally:
        await connection.close()
    return None if row is None else Tally(row["commits"], int(row["wal"]))
