"""Bitrix24's tasks where they differ: found by our key alone, and never for one who left."""

from dataclasses import replace
from datetime import timedelta

import pytest

from crm_clients.bitrix24 import Bitrix24
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import Permanent
from tests.conformance.bitrix24_scene import ACME
from tests.conformance.crm_bench import DRAFT, Bench, refusal
from tests.conformance.crm_tasks import TO_DO, a_task


async def test_a_task_stands_on_the_card_until_it_is_done(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    draft = replace(await a_task(bench, with_deal=True), text=f"{TO_DO}\n{'о' * 300}")
    made = await crm.create_task(draft, key="t")
    (told,) = emulator.activities(ACME)
    fields = told["fields"]
    assert told["bindings"] == [{"entity": "deals", "id": int(draft.deal)}]
    assert (fields["COMPLETED"], fields["DESCRIPTION"]) == ("N", draft.text)
    assert fields["DEADLINE"] == draft.due_at.isoformat(timespec="seconds")
    assert fields["SUBJECT"].startswith(f"{TO_DO} ооо")
    assert len(fields["SUBJECT"]) == 120
    emulator.complete(ACME, int(made))
    assert await crm.find_created_task(draft, "t", bench.recently()) == made


async def test_somebody_elses_activity_is_no_task_of_ours(crm: Bitrix24, bench: Bench) -> None:
    draft = await a_task(bench)
    record = {
        "OWNER_TYPE_ID": 3,
        "OWNER_ID": int(draft.record),
        "PROVIDER_ID": "REST_APP",
        "PROVIDER_TYPE_ID": "CALL",
        "SUBJECT": "Звонок",
        "ORIGINATOR_ID": "threadline",
        "ORIGIN_ID": "t",
    }
    await crm._rest.make("crm.activity.add", {"fields": record})
    assert await crm.find_created_task(draft, "t", bench.recently()) is None


async def test_a_task_about_a_deal_that_is_gone_says_so(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    draft = await a_task(bench, with_deal=True)
    emulator.delete_card(ACME, "deal", int(draft.deal))
    failure = (await refusal(crm.create_task(draft, key="t"))).failure
    assert failure == Permanent(code="bitrix24.no_such_deal", gone="deal")


async def test_a_refusal_of_the_words_is_no_absence(crm: Bitrix24, bench: Bench) -> None:
    draft = replace(await a_task(bench), text=" ")
    failure = (await refusal(crm.create_task(draft, key="t"))).failure
    assert isinstance(failure, Permanent)
    assert failure.gone == ""


@pytest.mark.parametrize("user", ["999", "Ольга"])
async def test_nobody_of_the_portals_is_responsible_for_nothing(
    crm: Bitrix24, bench: Bench, user: str
) -> None:
    draft = await a_task(bench)
    for attempt in (
        crm.create_task(replace(draft, responsible=user), key="t"),
        crm.create_record(replace(DRAFT, responsible=user), key="r"),
    ):
        failure = (await refusal(attempt)).failure
        assert getattr(failure, "gone", "") == "responsible"
    assert bench.tasks() == []


async def test_without_the_permission_the_portal_is_left_to_judge(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    draft = replace(await a_task(bench), responsible="2")
    _, installation = emulator.world.installation(ACME, crm.application.client_id)
    installation.scopes -= {"user"}
    bench.dismiss("2")
    await crm.create_task(draft, key="t")
    assert bench.tasks()[0][2] == "2"


async def test_where_no_activity_of_ours_is_taken_the_portals_own_thing_to_do_is_made(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    emulator.switches.set("unknown_activity_type", "refuse")
    record = await crm.create_record(replace(DRAFT, responsible="2"), key="r")
    draft = replace(await a_task(bench, with_deal=True), record=record, deal="")
    assert await crm.find_created_task(draft, "t", bench.recently()) is None
    made = await crm.create_task(draft, key="t")
    (told,) = [each["fields"] for each in emulator.activities(ACME)]
    assert (told["PROVIDER_ID"], told["RESPONSIBLE_ID"]) == ("CRM_TODO", "2")
    assert (told["SUBJECT"], told["DESCRIPTION"]) == (TO_DO, TO_DO)
    long_after = bench.http.now() + timedelta(minutes=30)
    for other, since, found in (
        (draft, bench.recently(), made),
        (replace(draft, text="Перезвонить"), bench.recently(), None),
        (replace(draft, due_at=draft.due_at + timedelta(minutes=1)), bench.recently(), None),
        (draft, long_after, None),
    ):
        assert await crm.find_created_task(other, "t", since) == found


async def test_such_a_thing_is_found_about_any_deal_of_theirs_and_once(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    emulator.switches.set("unknown_activity_type", "refuse")
    draft = await a_task(bench, with_deal=True)
    emulator.stage.arm("cut_after", match="crm.activity.todo.add")
    assert (await refusal(crm.create_task(draft, key="t"))).failure.kind == "ambiguous"
    alone = replace(draft, deal="")
    assert await crm.find_created_task(alone, "t", bench.recently())
    emulator.delete_card(ACME, "deal", int(draft.deal))
    failure = (await refusal(crm.create_task(draft, key="t"))).failure
    assert getattr(failure, "gone", "") == "deal"
    assert len(emulator.activities(ACME)) == 1
