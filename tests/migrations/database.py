"""Ways into a test's database: past the hub, and through its engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import make_engine


@asynccontextmanager
async def session(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def engine_of(url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(url, pool_size=2, statement_timeout=timedelta(seconds=30))
    try:
        yield engine
    finally:
        await engine.dispose()
