"""The database goes away, hangs, fills up, changes under our feet; clocks jump."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from channel_clients.emulators.stage import WallClock
from middleware.clock import SystemClock
from middleware.db.embedded import EmbeddedPostgres
from middleware.db.engine import APPLICATION, end_frozen
from tests.faults.scene import (
    NINA,
    PETR,
    WRITE,
    back_in,
    bot_door,
    calls,
    change,
    gate,
    helping,
    knock,
    lapse,
    migrate,
    running_by,
    show_repeats,
    until,
    until_database_answers,
    update,
    words_of,
)
from tests.journeys.town import (
    Plan,
    Town,
    free_port,
    move_in,
    open_world,
    running,
    settings_for,
)
from tests.postgres import open_directory

# A server that is killed forgets nothing that it has committed; only a power cut needs fsync.
QUICK = {"fsync": "off"}
AMOCRM_WAITS_S = 5.0
ONE_ROUND = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@asynccontextmanager
async def own_server() -> AsyncIterator[EmbeddedPostgres]:
    """Start a PostgreSQL that the test may do anything to."""
    folder = open_directory("threadline-faults-")
    server = EmbeddedPostgres(folder / "postgres", settings=QUICK)
    try:
        async with server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def town_on(server: EmbeddedPostgres, data_dir: Path) -> AsyncIterator[Town]:
    settings = settings_for(server.url, data_dir, free_port())
    async with open_world() as world, running(settings) as hub:
        yield await move_in(world, hub, Plan())


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    """Stop every process of a server where it stands: nothing is refused, nothing is answered."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii")
    pids = [server.pid, *map(int, children.split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_fault_03_without_a_database_hooks_are_told_to_come_again_and_nothing_is_lost(
    tmp_path: Path, how: str
) -> None:
    refused = json.dumps(update(9, "не теперь", PETR)).encode()
    async with own_server() as server, town_on(server, tmp_path) as town:
        town.telegram.say(NINA, "до", name="Нина")
        await town.settle()
        door = await bot_door(town)
        before = len(town.telegram.pushed())
        async with away(server, how):
            async with asyncio.timeout(AMOCRM_WAITS_S):
                answer = await knock(door, refused)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            town.telegram.say(NINA, "во время")
            town.reply(NINA, "ответ")
            await town.amocrm.drain()
            await until(town, lambda: len(town.telegram.pushed()) > before)
            assert {pushed.status for pushed in town.telegram.pushed()[before:]} == {503}
        assert town.amocrm.replies[0].hook_status == 503
        await until_database_answers(town)
        await lapse(town)
        assert (await knock(door, refused)).status_code == 200
        await town.settle()

        assert sorted(words_of(town, NINA)) == ["во время", "до", "ответ"]
        assert town.seen_by(NINA) == ["ответ"]
        assert words_of(town, PETR) == ["не теперь"]


@asynccontextmanager
async def away(server: EmbeddedPostgres, how: str) -> AsyncIterator[None]:
    if how == "frozen":
        with frozen(server):
            yield
        return
    await server.stop("immediate")
    try:
        yield
    finally:
        await server.start()


async def test_fault_04_connections_that_are_cut_again_and_again_poison_nothing(
    town: Town, postgres_url: str
) -> None:
    show_repeats(town)
    butcher = await asyncpg.connect(postgres_url)
    try:
        for number in range(12):
            town.telegram.say(NINA, f"{number}", name="Нина")
            await butcher.execute(ONE_ROUND)
            await town.pause()
    finally:
        await butcher.close()
    await until_database_answers(town)
    await town.settle()

    assert town.entries() == [f"{number}" for number in range(12)]
    town.reply(NINA, "слышно?")
    await town.settle()
    assert town.seen_by(NINA) == ["слышно?"]


@dataclass(slots=True)
class JumpingClock(SystemClock):
    """Its wall clock may be set; what counts seconds never jumps."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return super(JumpingClock, self).now() + self.ahead


@pytest.mark.parametrize("hours", [1, -1])
async def test_fault_20_a_clock_that_jumps_neither_steals_a_lease_nor_stops_a_conversation(
    postgres_url: str, tmp_path: Path, hours: int
) -> None:
    clock = JumpingClock()
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world, running_by(clock, settings) as hub:
        town = await move_in(world, hub, Plan())
        show_repeats(town)
        town.telegram.say(NINA, "до", name="Нина")
        await town.settle()
        with gate(town.amocrm.stage, WRITE) as answers:
            town.telegram.say(NINA, "во время")
            async with town.patience():
                await answers.reached.wait()
            clock.ahead = timedelta(hours=hours)
            for stage in (town.telegram.stage, town.amocrm.stage):
                assert isinstance(stage.clock, WallClock)
                stage.clock.ahead_s = clock.ahead.total_seconds()
            others = settings.model_copy(update={"port": free_port()})
            async with helping(others) as other:
                assert town.crm not in await other.store.due(100)
                lease = other.settings.lease_ttl
                assert await other.store.acquire(town.crm, "serve", "thief", lease) is None
        town.amocrm.stage.arm("cut_after", match="POST /amojo/v2/origin/custom")
        town.telegram.say(NINA, "после")
        await until(town, lambda: words_of(town, NINA)[-1:] == ["после"])
        await town.settle()
        town.reply(NINA, "ответ")
        await until(town, lambda: town.seen_by(NINA) == ["ответ"])
        await town.settle()

        assert town.amocrm.stage.faults_met == {"cut_after": 1}
        assert words_of(town, NINA) == ["до", "во время", "после", "ответ"]
        assert town.seen_by(NINA) == ["ответ"]


FULL = """
    CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$
"""


async def test_fault_21_a_full_disk_takes_no_promise_and_heals_by_itself(town: Town) -> None:
    town.telegram.say(NINA, "до", name="Нина")
    await town.settle()
    await change(town, FULL)
    await change(
        town,
        "CREATE TRIGGER full_disk BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION no_space()",
    )
    answer = await knock(await bot_door(town), json.dumps(update(9, "x", PETR)).encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    town.telegram.say(NINA, "во время")
    town.reply(NINA, "ответ")
    await town.amocrm.drain()
    await change(town, "DROP TRIGGER full_disk ON inbox")
    await until(town, lambda: "во время" in town.entries())
    await town.settle()

    assert town.seen_by(NINA) == ["ответ"]
    assert words_of(town, PETR) == []


async def test_fault_21_a_disk_that_fills_between_a_call_and_its_record_loses_no_certainty(
    town: Town,
) -> None:
    show_repeats(town)
    await change(town, FULL)
    with gate(town.amocrm.stage, WRITE) as answers:
        town.telegram.say(NINA, "раз", name="Нина")
        async with town.patience():
            await answers.reached.wait()
        await change(
            town,
            "CREATE TRIGGER full_disk BEFORE UPDATE ON deliveries"
            " FOR EACH ROW EXECUTE FUNCTION no_space()",
        )
    town.reply(NINA, "ответ")
    await town.amocrm.drain()
    await change(town, "DROP TRIGGER full_disk ON deliveries")
    await town.settle()

    assert town.entries() == ["раз", "ответ"]
    assert calls(town.amocrm.stage, WRITE) == [200]
    assert town.seen_by(NINA) == ["ответ"]


async def test_fault_31_the_schema_grows_and_shrinks_under_traffic(town: Town) -> None:
    """What a newer version adds, an older one beside it does not mind, even in mid-sentence."""
    show_repeats(town)
    tables = ("inbox", "messages", "deliveries", "lanes", "connections", "conversation_links")
    steps = [f"ALTER TABLE {table} ADD COLUMN later text DEFAULT ''" for table in tables]
    steps += [f"ALTER TABLE {table} DROP COLUMN later" for table in tables]
    for number, step in enumerate(steps):
        town.telegram.say(NINA, f"{number}", name="Нина")
        town.telegram.say(PETR, f"{number}", name="Пётр")
        await town.pause()
        await migrate(town, step)
    await town.settle()

    assert {pushed.status for pushed in town.telegram.pushed()} == {200}
    for user in (NINA, PETR):
        assert words_of(town, user) == [f"{number}" for number in range(len(steps))]


async def test_fault_33_a_client_frozen_between_two_words_of_a_statement_blocks_nobody(
    quiet_town: Town, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To PostgreSQL it is neither idle nor running, so no limit of its own ends it."""
    town = quiet_town
    soon = partial(end_frozen, silent_for=timedelta(seconds=1))
    monkeypatch.setattr("middleware.working.end_frozen", soon)
    monkeypatch.setattr("middleware.working.FROZEN_EVERY_S", 0.5)
    frozen = await asyncpg.connect(postgres_url, server_settings={"application_name": APPLICATION})
    try:
        for connection in (town.bot, town.crm):
            await town.hub.store.acquire(connection, "serve", "zombie", timedelta(minutes=1))
        await frozen.execute("BEGIN")
        await frozen.fetch("SELECT 1 FROM leases FOR KEY SHARE")
        await frozen.prepare("SELECT 2")
        town.telegram.say(NINA, "мимо зомби", name="Нина")
        async with back_in(town) as back:
            await until(back, lambda: words_of(town, NINA) == ["мимо зомби"])
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await frozen.execute("COMMIT")
    finally:
        frozen.terminate()
