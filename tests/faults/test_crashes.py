"""Hubs that die, freeze and come back: no message is lost, and none is said twice."""

import asyncio
import signal
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mappers.vocabulary import DeliveryKind
from middleware.hub import open_hub
from middleware.operations.arrivals.flow import read_again
from middleware.operations.model import Caller
from middleware.outbox.record import Recorder
from tests.faults.hub_process import DIED, hub_process
from tests.faults.scene import (
    CREATE_CONTACT,
    CREATE_DEAL,
    NINA,
    PETR,
    SEARCH,
    SEND,
    WRITE,
    back_in,
    cards,
    deals,
    gate,
    helping,
    lapse,
    show_repeats,
    until,
    words_of,
)
from tests.journeys.town import Plan, Town, free_port, move_in, open_world, settings_for


async def test_fault_01_a_hub_killed_before_it_hears_the_answer_says_nothing_twice(
    quiet_town: Town,
) -> None:
    town = quiet_town
    show_repeats(town)
    town.telegram.say(NINA, "раз", name="Нина")
    for moment in (CREATE_CONTACT, CREATE_DEAL, WRITE):
        with gate(town.amocrm.stage, moment) as answers:
            async with hub_process(town.hub.settings) as hub, town.patience():
                await answers.reached.wait()
                await hub.kill()
        await lapse(town)
    async with back_in(town) as back:
        await back.settle()

    assert town.entries() == ["раз"]
    assert len(cards(town)) == 1
    assert len(deals(town)) == 1


async def test_fault_01_a_hub_killed_while_it_sends_a_reply_asks_a_person(quiet_town: Town) -> None:
    town = quiet_town
    with gate(town.telegram.stage, SEND) as answers:
        async with hub_process(town.hub.settings) as hub:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
            town.reply(NINA, "дошло?")
            async with town.patience():
                await answers.reached.wait()
            await hub.kill()
    async with back_in(town) as back:
        await back.settle()

    assert town.seen_by(NINA) == ["дошло?"]
    (status,) = town.amocrm.replies[0].statuses
    assert status.code == -1
    assert "Не набирайте" in str(status.error)


def has_acknowledged(town: Town, hooks: int) -> bool:
    return [pushed.status for pushed in town.telegram.pushed()].count(200) >= hooks


def has_written(town: Town, entries: int) -> bool:
    return len(town.entries()) >= entries


async def test_fault_02_whatever_was_acknowledged_survives_a_power_cut(quiet_town: Town) -> None:
    town = quiet_town
    show_repeats(town)
    customers = range(NINA, NINA + 3)
    for number in range(6):
        for user in customers:
            town.telegram.say(user, f"{number}", name=f"Клиент {user}")
    for acknowledged in (3, 9):
        async with hub_process(town.hub.settings) as hub:
            await until(town, partial(has_acknowledged, town, acknowledged))
            await hub.kill()
        await lapse(town)
    async with back_in(town) as back:
        await back.settle()

    for user in customers:
        assert words_of(town, user) == [f"{number}" for number in range(6)]


async def test_fault_39_a_success_that_was_not_recorded_is_found_and_not_repeated(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_repeats(town)
    done, lost = Recorder.done, set[DeliveryKind]()

    async def crash_once_a_kind(recorder: Recorder, result: Any) -> None:
        if recorder.job.kind not in lost:
            lost.add(recorder.job.kind)
            raise RuntimeError("the power fails here")
        await done(recorder, result)

    monkeypatch.setattr(Recorder, "done", crash_once_a_kind)
    town.telegram.say(NINA, "раз", name="Нина")
    await town.settle()
    town.reply(NINA, "два")
    await town.settle()

    assert lost >= {"ensure_contact", "ensure_deal", "open_conversation", "write", "send"}
    assert words_of(town, NINA) == ["раз", "два"]
    assert len(cards(town)) == 1
    assert len(deals(town)) == 1
    assert town.seen_by(NINA) == ["два"]
    assert {status.code for status in town.amocrm.replies[0].statuses} == {-1}


async def test_fault_16_a_parcel_that_kills_its_reader_is_set_aside_and_can_be_read_again(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.telegram.say(NINA, "deadly", name="Нина")
    town.telegram.say(PETR, "alive", name="Пётр")
    async with hub_process(town.hub.settings, "--dies-reading", "deadly") as hub:
        assert await hub.end() == DIED
        for _ in range(2):
            await lapse(town)
            await hub.spawn()
            assert await hub.end() == DIED
        await lapse(town)
        await hub.start()
        await town.settle()
    assert town.entries() == ["alive"]

    async with back_in(town) as back:
        caller = Caller(workspace=town.workspace, name="admin")
        assert len(await read_again(back.hub, caller, town.bot)) == 1
        await back.settle()
    assert words_of(town, NINA) == ["deadly"]
    assert words_of(town, PETR) == ["alive"]


@pytest.mark.parametrize("moment", [SEARCH, WRITE])
async def test_fault_33_a_zombie_neither_calls_nor_commits(
    postgres_url: str, tmp_path: Path, impatient: float, moment: str
) -> None:
    """It freezes with an answer on its way, and wakes when somebody else has done the work."""
    lease = timedelta(seconds=10 * impatient)
    ours = settings_for(postgres_url, tmp_path, free_port(), lease_ttl=lease)
    others = ours.model_copy(update={"port": free_port()})
    async with open_world() as world, open_hub(ours) as watching:
        town = await move_in(world, watching, Plan())
        show_repeats(town)
        async with hub_process(ours, "--patience", str(impatient)) as zombie:
            with gate(world.amocrm.stage, moment) as answers:
                town.telegram.share_contact(NINA, "+79990001122")
                async with town.patience():
                    await answers.reached.wait()
                zombie.signal(signal.SIGSTOP)
            async with helping(others):
                await until(town, lambda: len(town.entries()) == 1)
                await town.settle()
            zombie.signal(signal.SIGCONT)
            town.telegram.say(NINA, "два")
            await town.settle()

        assert len(town.entries()) == 2
        assert town.entries()[1] == "два"
        assert len(cards(town)) == 1
        assert len(deals(town)) == 1


async def test_fault_32_restarts_under_load_lose_nothing(quiet_town: Town) -> None:
    town = quiet_town
    show_repeats(town)
    customers = range(NINA, NINA + 3)

    async def talk() -> None:
        for number in range(12):
            for user in customers:
                town.telegram.say(user, f"{number}", name=f"Клиент {user}")
            await town.pause()

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        for entries in (1, 4, 8):
            async with back_in(town):
                await until(town, partial(has_written, town, entries))
    async with back_in(town) as back:
        await back.settle()

    for user in customers:
        assert words_of(town, user) == [f"{number}" for number in range(12)]
    assert len(cards(town)) == len(customers)


async def test_fault_32_a_hub_that_is_told_to_stop_finishes_its_call_and_leaves_no_doubt(
    quiet_town: Town,
) -> None:
    town = quiet_town
    with gate(town.amocrm.stage, WRITE) as answers:
        async with hub_process(town.hub.settings) as hub:
            town.telegram.say(NINA, "раз", name="Нина")
            async with town.patience():
                await answers.reached.wait()
            hub.signal(signal.SIGTERM)
            answers.open()
            assert await hub.end() == 0

    assert town.entries() == ["раз"]
    in_flight = "SELECT count(*) FROM deliveries WHERE state IN ('calling', 'doubt')"
    assert await town.count(in_flight) == 0
    assert await town.count("SELECT count(*) FROM leases WHERE until > clock_timestamp()") == 0
