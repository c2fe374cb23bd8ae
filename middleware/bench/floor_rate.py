"""How many rows a second PostgreSQL itself takes: the ceiling under which every ack stays."""

import asyncio
import os
import time

import asyncpg

from middleware.bench.servers import Database

BODY = os.urandom(600)
BATCH = 50
TABLE = "CREATE TABLE IF NOT EXISTS rows_in (id bigserial PRIMARY KEY, body bytea NOT NULL)"
ONE = "INSERT INTO rows_in (body) VALUES ($1)"
MANY = "INSERT INTO rows_in (body) SELECT unnest($1::bytea[])"


async def insert_rates(database: Database, seconds: float) -> dict[str, float]:
    """Measure rows/s: one a commit with 8 and with 32 clients, and batches with 8."""
    url = await database.make("bench_rows")
    await database.run(TABLE, "bench_rows")
    return {
        "single rows/s c=8": await _rate(url, 8, seconds, batch=1),
        "single rows/s c=32": await _rate(url, 32, seconds, batch=1),
        f"batches of {BATCH}, rows/s c=8": await _rate(url, 8, seconds, batch=BATCH),
    }


async def _rate(url: str, clients: int, seconds: float, *, batch: int) -> float:
    connections = [await asyncpg.connect(url) for _ in range(clients)]
    began = time.monotonic()

    async def insert(connection: asyncpg.Connection) -> int:
        done = 0
        statement = await connection.prepare(ONE if batch == 1 else MANY)
        given = BODY if batch == 1 else [BODY] * batch
        while time.monotonic() < began + seconds:
            await statement.fetch(given)
            done += batch
        return done

    try:
        done = await asyncio.gather(*(insert(each) for each in connections))
        return sum(done) / (time.monotonic() - began)
    finally:
        await asyncio.gather(*(each.close() for each in connections))
