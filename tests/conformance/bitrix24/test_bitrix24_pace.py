"""The speed of a portal: many messages in one call, and the time that its methods have left."""

from dataclasses import replace

from pydantic import SecretStr

from crm_clients.bitrix24 import Bitrix24
from crm_clients.bitrix24.batch import MOST
from crm_clients.bitrix24.pace import OPERATING_LIMIT_S
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import (
    AttachmentKind,
    Entry,
    MediaFile,
    Permanent,
    ProviderError,
    RateLimited,
    Receipt,
)
from middleware.http import codes
from middleware.http.budget import MemoryBudgets
from middleware.http.gateway import Gateway, without_lease
from middleware.http.guard import Guard
from middleware.http.ledger import Exchange, Ledger
from middleware.http.link import Link
from middleware.http.pools import HttpSettings
from tests.conformance.bitrix24_scene import parts_of
from tests.conformance.crm_bench import Bench, refusal
from tests.conformance.crm_bulk import entries_of
from tests.emulators.clock import FastClock

ODD = "50% & больше: a=b;c#d+e? [b]x[/b]\n\tдалее 🌷 \\ \"'"


async def test_what_is_said_in_a_batch_reads_as_if_it_were_said_alone(
    crm: Bitrix24, bench: Bench
) -> None:
    alone, together, other = await entries_of(bench, 3)
    entries = [replace(each, text=ODD) for each in (alone, together, other)]
    await crm.write(entries[0])
    await crm.write_many(entries[1:])
    assert len({bench.timeline(each.ours)[-1] for each in entries}) == 1


async def test_one_that_is_refused_spoils_it_for_no_other(crm: Bitrix24, bench: Bench) -> None:
    entries = await entries_of(bench, 3)
    entries[1] = replace(entries[1], text="")
    first, second, third = await crm.write_many(entries)
    assert isinstance(first, Receipt)
    assert isinstance(second, Permanent)
    assert second.code == "bitrix24.message_refused"
    assert isinstance(third, Receipt)


async def test_a_batch_that_died_half_way_leaves_each_to_be_looked_for(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    entries = await entries_of(bench, 4)
    emulator.stage.arm("batch_dies", match="batch")
    assert (await refusal(crm.write_many(entries))).failure.kind == "ambiguous"
    found = [await crm.find_entry(each, bench.recently()) is not None for each in entries]
    assert found == [True, True, False, False]


async def test_what_could_not_be_looked_for_or_lasts_or_misleads_goes_alone(
    crm: Bitrix24, bench: Bench
) -> None:
    (entry,) = await entries_of(bench, 1)
    unknown = replace(entry.conversation, user="")
    file = MediaFile(
        kind=AttachmentKind.IMAGE,
        name="1.jpg",
        mime="image/jpeg",
        size_bytes=1,
        url="https://hub.example.com/f/1.jpg",
        read=_nothing,
    )
    for other in (
        replace(entry, conversation=unknown),
        replace(entry, file=file),
        replace(entry, text="дайте $result[c0][DATA]"),
        replace(entry, text="я" * 4000),
    ):
        assert not crm.may_join(other)
    assert crm.may_join(entry)


async def test_fifty_known_customers_are_one_call_of_fifty_commands(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    entries = await entries_of(bench, 1)
    many = [replace(entries[0], key=f"many-{number}") for number in range(MOST)]
    assert all(isinstance(each, Receipt) for each in await crm.write_many(many))
    assert len(bench.http.calls) == 1
    assert len(bench.timeline(entries[0].ours)) == 1 + MOST


async def test_what_is_looked_for_is_found_in_one_call(crm: Bitrix24, bench: Bench) -> None:
    (entry,) = await entries_of(bench, 1)
    await crm.write(entry)
    bench.http.calls.clear()
    assert await crm.find_entry(entry, bench.recently()) is not None
    assert len(bench.http.calls) == 1


async def test_a_portal_is_set_up_in_a_few_calls_and_tells_its_plan(
    bench: Bench, emulator: Bitrix24Emulator
) -> None:
    emulator.switches.license = "ru_ent250"
    application, config = parts_of(bench)
    fresh = config.model_copy(update={"line": "", "hook_address": SecretStr("")})
    done = await Bitrix24(fresh, application, bench.http).set_up(
        "https://new.example", take_over=False
    )
    assert len(bench.http.calls) <= 6
    assert _calls_a_second(bench) == 2
    assert _calls_a_second(bench.with_changes(done.changes)) == 5


def _calls_a_second(bench: Bench) -> float:
    budgets = bench.manifest.budgets(bench.config, bench.application)
    return next(budget.rate_per_s for budget in budgets if budget.name == "rest")


async def test_a_method_slows_down_before_it_is_refused_and_others_do_not(
    bench: Bench, emulator: Bitrix24Emulator
) -> None:
    (entry,) = await entries_of(bench, 1)
    clock = _Clock()
    emulator.stage.clock = clock
    emulator.switches.call_cost_s = 8
    application, config = parts_of(bench)
    noted: list[Exchange] = []
    link = Link(
        connection="c-1",
        bases=bench.manifest.bases(config, application),
        budgets=bench.manifest.budgets(config, application),
    )
    budgets, ledger = MemoryBudgets(clock), Ledger(b"key", noted.append)
    async with Gateway(clock, budgets, Guard(clock), ledger, HttpSettings(user_agent="t")) as gate:
        crm = Bitrix24(config, application, gate.port(link, may_start=without_lease))
        waited = 0
        for number in range(80):
            waited += await _until_written(crm, replace(entry, key=f"slow-{number}"), clock)
            await crm.get_record(entry.record) if number == 40 else None
    assert not [each for each in noted if each.status != 200]
    assert len(bench.timeline(entry.ours)) == 1 + 80
    spent_at_once = OPERATING_LIMIT_S / 8
    assert waited > 80 - spent_at_once
    assert clock.monotonic() < 1000


async def _until_written(crm: Bitrix24, entry: Entry, clock: "_Clock") -> int:
    """Write it as the outbox would: when it is told to wait, later. Say how often it waited."""
    for waited in range(20):
        try:
            await crm.write(entry)
        except ProviderError as error:
            await clock.sleep(_wait_of(error))
        else:
            return waited
    raise AssertionError("it never got through")


def _wait_of(error: ProviderError) -> float:
    """Say how long our own budget asks to wait; nobody else may have refused."""
    failure = error.failure
    assert isinstance(failure, RateLimited)
    assert failure.code == codes.BUDGET
    assert failure.retry_after
    return failure.retry_after.total_seconds()


async def _nothing() -> bytes:
    return b""


class _Clock(FastClock):
    def monotonic(self) -> float:
        return sum(self.slept)
