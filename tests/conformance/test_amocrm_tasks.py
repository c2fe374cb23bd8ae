"""amoCRM's tasks where the documentation leaves them open, and the emulator's own strictness."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crm_clients.amocrm import AmoCrm
from crm_clients.amocrm.rest import Rest
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import Permanent
from tests.conformance.amocrm_scene import ACME, adapter_of, an_emulator, on_the_bench
from tests.conformance.crm_bench import DRAFT, Bench, refusal
from tests.conformance.crm_tasks import a_task


@pytest.fixture
async def emulator() -> AsyncIterator[AmoCrmEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> AmoCrm:
    return adapter_of(bench)


@pytest.fixture
def rest(crm: AmoCrm) -> Rest:
    return Rest(crm.config, crm.application.client_id, crm.http)


async def test_filters_that_are_ignored_show_nobody_elses_task(
    crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
) -> None:
    emulator.switches.set("task_filters", value=False)
    draft = await a_task(bench, with_deal=True)
    other = await crm.create_record(DRAFT, key="record-2")
    await crm.create_task(replace(draft, record=other, deal=""), key="t-1")
    assert await crm.find_created_task(draft, "t-2", bench.recently()) is None
    made = await crm.create_task(draft, key="t-2")
    assert await crm.find_created_task(draft, "t-2", bench.recently()) == made


async def test_a_task_that_was_done_at_once_was_made(
    crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
) -> None:
    draft = await a_task(bench)
    made = await crm.create_task(draft, key="t")
    emulator.world.account(ACME).tasks[int(made)].is_completed = True
    assert await crm.find_created_task(draft, "t", bench.recently()) == made


@pytest.mark.parametrize("status", [400, 404])
async def test_a_card_that_is_gone_is_told_from_a_bad_task(
    crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator, status: int
) -> None:
    emulator.switches.set("task_on_missing_status", status)
    draft = await a_task(bench, with_deal=True)
    emulator.world.account(ACME).leads[int(draft.deal)].is_deleted = True
    user = str(next(iter(emulator.world.account(ACME).users)))
    for each in (draft, replace(draft, responsible=user)):
        failure = (await refusal(crm.create_task(each, key="t"))).failure
        assert isinstance(failure, Permanent)
        assert failure.gone == "deal"


async def test_a_user_who_left_may_be_accepted_in_silence(
    crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
) -> None:
    emulator.switches.set("inactive_responsible", "accept")
    draft = await a_task(bench)
    user = next(iter(emulator.world.account(ACME).users))
    bench.dismiss(str(user))
    await crm.create_task(replace(draft, responsible=str(user)), key="t")
    assert bench.tasks()[0][2] == str(user)


async def test_what_is_no_user_of_ours_is_named_without_a_call(crm: AmoCrm, bench: Bench) -> None:
    draft = await a_task(bench)
    bench.http.calls.clear()
    failure = (await refusal(crm.create_task(replace(draft, responsible="Ольга"), key="t"))).failure
    assert getattr(failure, "gone", "") == "responsible"
    assert not bench.http.calls


@pytest.mark.parametrize(
    ("spoiled", "path"),
    [
        ({"text": None}, "text"),
        ({"text": 7}, "text"),
        ({"text": ""}, "text"),
        ({"complete_till": "soon"}, "complete_till"),
        ({"entity_type": "companies"}, "entity_type"),
        ({"entity_id": 1}, "entity_id"),
        ({"responsible_user_id": 1}, "responsible_user_id"),
    ],
)
async def test_the_emulator_refuses_what_is_no_task(
    rest: Rest, bench: Bench, emulator: AmoCrmEmulator, spoiled: dict[str, Any], path: str
) -> None:
    draft = await a_task(bench)
    sound = {
        "text": "Позвонить",
        "complete_till": int((bench.http.now() + timedelta(hours=1)).timestamp()),
        "entity_type": "contacts",
        "entity_id": int(draft.record),
    }
    error = await refusal(rest.post("tasks", "tasks", [{**sound, **spoiled}]))
    assert error.failure.kind == "permanent"
    assert path in error.failure.detail or error.failure.code.startswith("amocrm.")
    assert emulator.tasks(ACME) == ()


async def test_the_emulator_shows_what_is_to_be_done_on_the_card(
    rest: Rest, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
) -> None:
    draft = await a_task(bench)
    made = await crm.create_task(draft, key="t")
    (contact,) = emulator.contacts(ACME)
    assert contact["closest_task_at"] == int(draft.due_at.timestamp())
    shown = await rest.get(f"tasks/{made}", "tasks")
    assert (shown.at("text"), shown.at("is_completed"), shown.at("result")) == (
        draft.text,
        False,
        [],
    )
    await rest.patch(f"tasks/{made}", "tasks", {"is_completed": True, "result": {"text": "Да"}})
    (contact,) = emulator.contacts(ACME)
    assert contact["closest_task_at"] is None
    listed = await rest.get("tasks", "tasks", {"filter[is_completed]": 0})
    assert listed.status == 204
