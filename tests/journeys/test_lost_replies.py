"""Replies that a CRM tells once are fetched back when we were not there to hear them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_clients.amocrm import AmoCrm
from crm_clients.emulators.contract import Sent
from mappers.vocabulary import DeliveryKind, DeliveryState, Permanent, ProviderError
from middleware.operations.deliveries.flow import find, replay
from middleware.operations.deliveries.model import Filter
from middleware.operations.model import Caller
from middleware.settings import Settings
from tests.journeys.sides import SIDES
from tests.journeys.town import (
    ACCOUNT,
    Plan,
    Town,
    World,
    free_port,
    move_in,
    open_world,
    running,
    settings_for,
)

NINA, PETR = 1001, 1002
PDF = b"%PDF-1.4\n" + b"0" * 300
EITHER = pytest.mark.parametrize("crm", sorted(SIDES))
SHORT_GAP = {"gap_after": timedelta(milliseconds=1)}


@asynccontextmanager
async def begun(world: World, settings: Settings) -> AsyncIterator[Town]:
    """Let Nina greet a hub that runs until the block ends."""
    async with running(settings) as hub:
        town = await move_in(world, hub, Plan(crm=world.crm_name))
        town.telegram.say(NINA, "Здравствуйте", name="Нина")
        await town.settle()
        yield town


@EITHER
async def test_twenty_replies_typed_while_the_hub_was_away_all_arrive_once_and_in_order(
    postgres_url: str, tmp_path: Path, crm: str
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world(crm) as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan(crm=crm))
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            town.telegram.say(PETR, "Добрый день", name="Пётр")
            await town.settle()
        for number in range(20):
            town.reply(NINA if number % 2 else PETR, f"ответ {number}")
        await world.crm.drain()
        crm_side: Any = world.crm
        assert [reply.hook_status for reply in crm_side.replies] == [None] * 20

        async with running(settings) as hub:
            back = replace(town, hub=hub)
            back.reply(NINA, "уже вернулись")
            await back.settle()

            assert back.seen_by(PETR) == [f"ответ {n}" for n in range(0, 20, 2)]
            expected = [f"ответ {n}" for n in range(1, 20, 2)]
            assert back.seen_by(NINA) == [*expected, "уже вернулись"]
            assert await back.told() == [[(1, "")]] * 21


@EITHER
async def test_nothing_is_fetched_twice_by_the_next_restart(
    postgres_url: str, tmp_path: Path, crm: str
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world(crm) as world:
        async with begun(world, settings) as town:
            town.reply(NINA, "при нас")
            await town.settle()
        town.reply(NINA, "без нас")
        await world.crm.drain()
        for _ in range(2):
            async with running(settings) as hub:
                back = replace(town, hub=hub)
                await back.settle()
                assert back.seen_by(NINA) == ["при нас", "без нас"]


@EITHER
async def test_a_file_sent_while_the_hub_was_away_arrives_as_itself(
    postgres_url: str, tmp_path: Path, crm: str
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world(crm) as world:
        async with begun(world, settings) as town:
            pass
        chat = town.chats()[0].chat_id
        await town.desk.send_files(ACCOUNT, chat, [Sent("file", "счёт.pdf", PDF)])
        await world.crm.drain()
        async with running(settings) as hub:
            back = replace(town, hub=hub)
            await back.settle()
            (sent,) = [m for m in back.telegram.chats()[0]["messages"] if m["from"] == "bot"]
            handle = sent["shown"][0]["file_id"]
            assert back.telegram.world.files[handle].content == PDF


@EITHER
async def test_a_reply_that_lay_too_long_asks_a_person_first(
    postgres_url: str, tmp_path: Path, crm: str
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world(crm) as world:
        async with begun(world, settings) as town:
            await town.count(
                "WITH limited AS (UPDATE connections SET settings = settings || "
                """'{"reply_age_limit_s": 0.001}', config_version = config_version + 1"""
                " WHERE kind = 'channel' RETURNING 1) SELECT count(*) FROM limited"
            )
        town.reply(NINA, "вчерашний ответ")
        await world.crm.drain()
        async with running(settings) as hub:
            back = replace(town, hub=hub)
            await back.settle()

            assert back.seen_by(NINA) == []
            ((code, words),) = (await back.told())[0]
            assert code == -1
            assert "/held/" in words
            assert await back.count("SELECT count(*) FROM deliveries WHERE state = 'held'") == 1


async def test_a_hook_that_amocrm_lost_is_recovered_by_the_next_gap(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world() as world:
        async with begun(world, settings) as town:
            pass
        world.amocrm.stage.arm("lost_hook")
        town.reply(NINA, "никто не услышал")
        async with running(settings) as hub:
            back = replace(town, hub=hub)
            await back.settle()
            assert back.seen_by(NINA) == ["никто не услышал"]
            assert world.amocrm.timeline(ACCOUNT)[0].messages[-1].is_from_operator


async def test_replies_go_on_when_the_crm_refuses_to_tell_what_was_missed(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise ProviderError(Permanent(code="amocrm.http_400"))

    settings = settings_for(postgres_url, tmp_path, free_port(), **SHORT_GAP)
    async with open_world() as world:
        async with begun(world, settings) as town:
            pass
        monkeypatch.setattr(AmoCrm, "read_history", refuse)
        town.reply(NINA, "без нас")
        await world.amocrm.drain()
        async with running(settings) as hub:
            back = replace(town, hub=hub)
            back.reply(NINA, "уже вернулись")
            await back.settle()
            assert back.seen_by(NINA) == ["уже вернулись"]
            caller = Caller(workspace=back.workspace, name="admin")
            found = await find(hub, caller, Filter(states=(DeliveryState.DEAD,)))
            (dead,) = found.items
            assert dead.kind is DeliveryKind.READ_HISTORY

            monkeypatch.undo()
            await replay(hub, caller, dead.id)
            await back.settle()
            assert back.seen_by(NINA) == ["уже вернулись", "без нас"]
