"""The doors' own way into the inbox: the same rows as any other, over connections that may die."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from mappers.vocabulary import ConnectionId
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.store.errors import StoreUnavailable
from middleware.store.postgres import writer
from middleware.store.postgres.writer import InboxWriter
from middleware.store.rows import Parcelled
from tests.integration.test_addresses import connected


def parcels(connection: ConnectionId, *numbers: int) -> Sequence[Parcelled]:
    return [
        Parcelled(
            connection=connection, digest=number.to_bytes(16), form="update", body=b"%d" % number
        )
        for number in numbers
    ]


@pytest.fixture
async def bot(hub: Hub) -> ConnectionId:
    await connected(hub)
    return (await hub.connections.all())[0].id


def backend(hub: Hub) -> int:
    """Which of the server's processes the next append will speak to."""
    ((connection, _),) = hub.writer._idle
    return int(connection.get_server_pid())


async def arrived(hub: Hub) -> list[tuple[int, bytes, str]]:
    query = "SELECT digest, body, form FROM inbox JOIN bodies USING (connection_id, digest) "
    async with transaction(hub.engine) as at:
        rows = await at.execute(text(query + "ORDER BY arrival"))
        return [(int.from_bytes(row.digest), row.body, row.form) for row in rows]


async def test_repeats_are_no_error_and_what_is_new_is_in_the_order_given(
    hub: Hub, bot: ConnectionId
) -> None:
    numbers = [9, 3, 7, 3, 1, 9, 8]
    assert await hub.writer.append(parcels(bot, *numbers)) == 5
    assert await hub.writer.append(parcels(bot, 8, 2)) == 1
    assert await hub.store.append(parcels(bot, 2, 5)) == 1
    assert await hub.writer.append([]) == 0
    order = [9, 3, 7, 1, 8, 2, 5]
    assert await arrived(hub) == [(number, b"%d" % number, "update") for number in order]


async def test_processes_that_append_at_once_lose_nothing_and_double_nothing(
    hub: Hub, bot: ConnectionId
) -> None:
    writers = [InboxWriter(hub.engine) for _ in range(3)]
    new = await asyncio.gather(
        *(
            each.append(parcels(bot, *range(start, start + 40)))
            for start in range(0, 300, 20)
            for each in writers
        )
    )
    assert sum(new) == 320
    assert sorted(number for number, *_ in await arrived(hub)) == list(range(320))
    for each in writers:
        await each.aclose()


async def test_a_connection_that_died_is_not_used_again(hub: Hub, bot: ConnectionId) -> None:
    assert await hub.writer.append(parcels(bot, 1)) == 1
    gone = asyncio.Event()
    hub.writer._idle[0][0].add_termination_listener(lambda _: gone.set())
    async with transaction(hub.engine) as at:
        await at.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend(hub)})
    async with asyncio.timeout(5):
        await gone.wait()
    assert await hub.writer.append(parcels(bot, 2)) == 1


async def test_a_connection_is_used_again_unless_it_was_silent_for_long(
    hub: Hub, bot: ConnectionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()
    for number in range(5):
        await hub.writer.append(parcels(bot, number))
        used.add(backend(hub))
    assert len(used) == 1
    monkeypatch.setattr(writer, "IDLE_S", 0.0)
    await hub.writer.append(parcels(bot, 6))
    assert backend(hub) not in used


async def test_a_refusal_is_told_in_the_stores_words(hub: Hub, bot: ConnectionId) -> None:
    with pytest.raises(Exception, match="foreign key"):
        await hub.writer.append(parcels(ConnectionId(uuid7()), 1))
    assert await hub.writer.append(parcels(bot, 1)) == 1
    await hub.writer.aclose()


async def test_a_database_that_is_away_is_told(
    hub: Hub, bot: ConnectionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(writer, "bare_connection", refused)
    with pytest.raises(StoreUnavailable):
        await hub.writer.append(parcels(bot, 1))
