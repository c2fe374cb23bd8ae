"""Marking conversations as behind, more of them than one statement may touch."""

import pytest
from sqlalchemy import text

from mappers.vocabulary import OpenedConversation
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.store.postgres import gaps
from middleware.store.rows import OpenedRow
from tests.builders import SPOKEN_AT, a_connection, a_contact, a_conversation

OWED = """
    SELECT subject FROM deliveries WHERE kind = 'read_history' AND target_id = :crm ORDER BY subject
"""
BEHIND = "SELECT count(*) FROM conversation_links WHERE behind_since IS NOT NULL"


@pytest.mark.parametrize("portion", [1, 2, 5000])
async def test_every_conversation_is_marked_once_in_portions_of_any_size(
    hub: Hub, anna: Caller, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(gaps, "PORTION", portion)
    channel = await a_connection(hub, anna.workspace)
    crm = await a_connection(hub, anna.workspace, "amocrm")
    person = await a_contact(hub, anna.workspace)
    places = [await a_conversation(hub, channel, person, f"chat {n}") for n in range(5)]
    for number, place in enumerate(places):
        opened = OpenedRow(
            opened=OpenedConversation(id=f"chat {number}"),
            ours=f"ours {number}",
            record="1",
            opened_at=SPOKEN_AT,
        )
        async with hub.store.unit() as unit:
            await unit.set_opened(place, crm, opened)
    for _ in range(2):  # who is behind already is owed nothing more
        assert await hub.store.fall_behind([crm], SPOKEN_AT) == len(places)
        async with transaction(hub.engine) as at:
            owed = (await at.execute(text(OWED), {"crm": crm})).scalars().all()
            behind = (await at.execute(text(BEHIND))).scalar_one()
        assert (list(owed), behind) == (sorted(places), len(places))
