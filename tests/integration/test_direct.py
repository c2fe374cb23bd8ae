"""The short way to PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from middleware.db import direct
from middleware.db.direct import session
from middleware.db.engine import make_engine
from middleware.store.errors import StoreUnavailable

PID = text("SELECT pg_backend_pid() AS pid")
END = text("SELECT pg_terminate_backend(:pid)")
PATIENCE_S = 10


async def test_a_connection_that_died_is_forgotten_and_replaced(postgres_url: str) -> None:
    engine = make_engine(postgres_url, pool_size=1, statement_timeout=timedelta(seconds=5))
    other = make_engine(postgres_url, pool_size=1, statement_timeout=timedelta(seconds=5))
    async with session(engine) as at:
        pid = (await at.execute(PID)).one().pid
    (lain,) = direct._prepared
    async with session(other) as at:
        await at.execute(END, {"pid": pid})
    ended = asyncio.Event()
    lain.add_termination_listener(lambda _: ended.set())
    async with asyncio.timeout(PATIENCE_S):
        if not lain.is_closed():
            await ended.wait()
    await asyncio.sleep(0)
    assert lain not in direct._prepared
    async with session(engine) as at:
        assert (await at.execute(PID)).scalar_one() != pid
    await engine.dispose()
    await other.dispose()


async def test_a_connection_that_dies_under_us_is_a_store_that_is_away(postgres_url: str) -> None:
    engine = make_engine(postgres_url, pool_size=1, statement_timeout=timedelta(seconds=5))
    with pytest.raises(StoreUnavailable):
        async with session(engine) as at:
            pid = (await at.execute(PID)).scalar_one()
            await at.execute(END, {"pid": pid})
    async with session(engine) as at:
        assert (await at.execute(PID)).scalar_one() != pid
    await engine.dispose()
