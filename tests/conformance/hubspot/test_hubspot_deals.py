"""Deals of HubSpot, or tickets where a portal means those: where they begin and how they end."""

from collections.abc import AsyncIterator

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import HubSpot
from mappers.vocabulary import DealDraft, Permanent
from tests.conformance.crm_bench import DRAFT, Bench, refusal
from tests.conformance.hubspot_scene import ACME, DEAL, TICKET, adapter_of, on_the_bench


@pytest.fixture
async def of_tickets(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator, case="tickets") as bench:
        yield bench


async def a_deal(crm: HubSpot, pipeline: str = "") -> str:
    record = await crm.create_record(DRAFT, key="record-1")
    draft = DealDraft(record=record, title="Диван", pipeline=pipeline)
    return await crm.create_deal(draft, key="deal-1")


async def test_a_deal_begins_at_the_first_stage_of_the_first_pipeline(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    await a_deal(crm)
    (kept,) = emulator.deals(ACME)
    assert kept["properties"]["pipeline"] == "default"
    assert kept["properties"]["dealstage"] == "appointmentscheduled"
    assert kept["tied"]["contacts"]


async def test_a_deal_begins_in_the_pipeline_that_is_named(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    emulator.add_pipeline(ACME, DEAL, "wholesale", [("w1", "New", "0.1"), ("w2", "Won", "1.0")])
    deal = await crm.get_deal(await a_deal(crm, pipeline="wholesale"))
    assert deal is not None
    assert deal.pipeline == "wholesale"
    (kept,) = emulator.deals(ACME)
    assert kept["properties"]["dealstage"] == "w1"


@pytest.mark.parametrize(("stage", "state"), [("closedwon", "won"), ("closedlost", "lost")])
async def test_a_deal_ends_where_its_pipeline_says(
    emulator: HubSpotEmulator, crm: HubSpot, stage: str, state: str
) -> None:
    opened = await a_deal(crm)
    changes = {"dealstage": stage, "closedate": "2026-11-22T10:00:00Z"}
    emulator.edit_record(ACME, DEAL, int(opened), changes)
    deal = await crm.get_deal(opened)
    assert deal is not None
    assert deal.state == state
    assert deal.closed_at is not None


async def test_deals_are_told_the_newest_first_without_those_that_were_deleted(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    record = await crm.create_record(DRAFT, key="record-1")
    drafts = [DealDraft(record=record, title=f"Заказ {number}") for number in range(3)]
    made = [await crm.create_deal(each, key=f"deal-{each.title}") for each in drafts]
    emulator.delete_record(ACME, DEAL, int(made[1]))
    assert [each.id for each in await crm.find_deals(record)] == [made[2], made[0]]
    assert await crm.get_deal(made[1]) is None


async def test_an_opening_that_is_repeated_is_the_same_deal(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    assert await a_deal(crm) == await a_deal(crm)
    assert len(emulator.deals(ACME)) == 1


async def test_a_deal_for_a_contact_who_is_gone_says_so(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    record = await crm.create_record(DRAFT, key="record-1")
    emulator.delete_record(ACME, "contacts", int(record))
    for attempt in (
        crm.create_deal(DealDraft(record=record, title="Диван"), key="deal-1"),
        crm.create_deal(DealDraft(record="no number", title="Диван"), key="deal-2"),
        crm.find_deals("901"),
    ):
        failure = (await refusal(attempt)).failure
        assert isinstance(failure, Permanent)
        assert failure.gone == "record"
    assert emulator.deals(ACME) == ()


async def test_tickets_are_opened_found_and_closed_where_they_are_meant(
    emulator: HubSpotEmulator, of_tickets: Bench
) -> None:
    crm = adapter_of(of_tickets)
    opened = await a_deal(crm)
    assert await a_deal(crm) == opened
    draft = DealDraft(record="1", title="")
    assert await crm.find_created_deal(draft, "deal-1", of_tickets.recently()) == opened
    (kept,) = emulator.tickets(ACME)
    assert kept["properties"]["subject"] == "Диван"
    assert (await crm.find_deals(str(kept["tied"]["contacts"][0])))[0].id == opened
    emulator.edit_record(ACME, TICKET, int(opened), {"hs_pipeline_stage": "4"})
    deal = await crm.get_deal(opened)
    assert deal is not None
    assert (deal.state, deal.marker) == ("won", "deal-1")
    assert emulator.deals(ACME) == ()
