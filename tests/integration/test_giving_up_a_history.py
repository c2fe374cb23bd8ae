"""A reply is kept until a history is read, which is just given up: one sees the other."""

import asyncio

from sqlalchemy import text

from mappers.vocabulary import OpenedConversation
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.store.rows import OpenedRow
from tests.builders import SPOKEN_AT, a_connection, a_contact, a_conversation

WAITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
PATIENCE_S = 30


async def blocked(hub: Hub) -> None:
    """Wait until somebody waits for a lock."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with transaction(hub.engine) as at:
                if (await at.execute(text(WAITS))).scalar_one():
                    return
            await asyncio.sleep(0.02)


async def test_whoever_keeps_a_reply_is_waited_for(hub: Hub, anna: Caller) -> None:
    channel = await a_connection(hub, anna.workspace)
    crm = await a_connection(hub, anna.workspace, "amocrm")
    at = await a_conversation(hub, channel, await a_contact(hub, anna.workspace))
    row = OpenedRow(
        opened=OpenedConversation(id="chat"),
        ours="ours",
        record="1",
        opened_at=SPOKEN_AT,
        behind_since=SPOKEN_AT,
    )
    async with hub.store.unit() as unit:
        await unit.set_opened(at, crm, row)

    async def give_up() -> bool:
        async with hub.store.unit() as unit:
            return await unit.caught_up(at, crm, 0)

    async with hub.store.unit() as keeping:
        assert await keeping.opened(at, crm, held=True) == row
        given_up = asyncio.create_task(give_up())
        await blocked(hub)
        assert not given_up.done()
    assert await given_up
