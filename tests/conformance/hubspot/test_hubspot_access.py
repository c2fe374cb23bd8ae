"""How HubSpot's tokens live and end, and what its own signatures are believed of."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from channel_clients.emulators.stage import Push, Response, Stage
from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import HubSpot
from crm_clients.hubspot.doors import ApplicationDoor
from mappers.vocabulary import (
    AuthExpired,
    DealChanged,
    Event,
    ForgedWebhook,
    RateLimited,
    RecordChanged,
    Webhook,
)
from tests.conformance.crm_bench import DRAFT, Bench, arrival_of, refusal
from tests.conformance.hubspot_scene import (
    ACME,
    ADDRESS,
    DEAL,
    adapter_of,
    on_the_bench,
    parts_of,
)


@dataclass
class Told:
    """Whatever HubSpot posts, as the hub's door would be given it."""

    pushes: list[Push] = field(default_factory=list)

    async def __call__(self, push: Push) -> Response:
        self.pushes.append(push)
        return Response(status=200)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def emulator(told: Told) -> AsyncIterator[HubSpotEmulator]:
    emulator = HubSpotEmulator(stage=Stage(push=told))
    emulator.switches.search_lag_s = 0.0
    emulator.add_portal(ACME, users=("Ольга Менеджер",))
    try:
        yield emulator
    finally:
        await emulator.aclose()


@pytest.fixture
async def bench(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


async def test_a_renewal_whose_answer_was_lost_is_asked_for_again(
    emulator: HubSpotEmulator, crm: HubSpot, bench: Bench
) -> None:
    emulator.stage.arm("refresh_answer_lost")
    assert (await refusal(crm.refresh())).failure.kind == "transient"
    later = adapter_of(bench.with_changes(await crm.refresh()))
    assert (await later.check()).id == later.config.portal_id


async def test_where_a_spent_token_is_worth_nothing_consent_is_asked_for(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    emulator.switches.set("refresh_rotation", "kill_old")
    emulator.stage.arm("refresh_answer_lost")
    await refusal(crm.refresh())
    error = await refusal(crm.refresh())
    assert error.failure == AuthExpired(code="hubspot.grant_refused")


async def test_a_flooded_token_server_ends_nothing(emulator: HubSpotEmulator, crm: HubSpot) -> None:
    emulator.stage.arm("oauth_flood")
    failure = (await refusal(crm.refresh())).failure
    assert isinstance(failure, RateLimited)
    assert failure.retry_after == timedelta(seconds=10)
    assert await crm.refresh()


async def test_an_application_that_was_removed_has_to_be_let_in_again(
    emulator: HubSpotEmulator, crm: HubSpot, bench: Bench
) -> None:
    application, _ = parts_of(bench)
    emulator.uninstall(ACME, application.client_id)
    assert (await refusal(crm.refresh())).failure.code == "hubspot.grant_refused"
    emulator.install(ACME, application.client_id)
    emulator.stage.arm("hub_unknown")
    assert isinstance((await refusal(crm.refresh())).failure, AuthExpired)


async def test_a_contact_that_somebody_makes_a_moment_before_is_the_one(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    emulator.stage.arm("email_race")
    made = await crm.create_record(DRAFT, key="record-1")
    (there,) = emulator.contacts(ACME)
    assert made == str(there["id"])


def as_it_came(push: Push, bench: Bench, **headers: str) -> Webhook:
    told = {name.lower(): value for name, value in push.headers.items()}
    return Webhook(
        method=push.method,
        body=push.body,
        headers={**told, **headers},
        received_at=bench.http.now(),
    )


async def told_of(emulator: HubSpotEmulator, told: Told, bench: Bench) -> list[Webhook]:
    await emulator.drain()
    return [as_it_came(push, bench) for push in told.pushes if push.url == ADDRESS]


def read(bench: Bench, hook: Webhook) -> tuple[Event, ...]:
    application, _ = parts_of(bench)
    parcels = ApplicationDoor(application).receive(hook).parcels
    return tuple(event for parcel in parcels for event in bench.crm.read(arrival_of(parcel)).events)


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"batches_signed_twice": False},
        {"event_name_key": "eventType"},
        {"batches_shuffled": True},
    ],
)
async def test_what_happens_on_cards_is_told_signed_and_understood(
    emulator: HubSpotEmulator, told: Told, bench: Bench, switches: Mapping[str, Any]
) -> None:
    for name, value in switches.items():
        emulator.switches.set(name, value)
    application, config = parts_of(bench)
    events = ("contact.merge", "contact.deletion", "deal.deletion")
    for event in (*events, "contact.creation"):
        emulator.subscribe(application.client_id, event)
    emulator.subscribe(application.client_id, "deal.propertyChange", property_name="dealstage")
    one, two, three = (emulator.add_contact(ACME, name) for name in ("Анна", "Аня", "Пётр"))
    of_deal = {"dealname": "Диван", "dealstage": "appointmentscheduled"}
    deal, other = (emulator.add_record(ACME, DEAL, of_deal) for _ in range(2))
    emulator.merge_records(ACME, one.id, two.id)
    emulator.delete_record(ACME, "contacts", three.id)
    emulator.edit_record(ACME, DEAL, deal.id, {"dealstage": "closedwon"})
    emulator.delete_record(ACME, DEAL, other.id)
    hooks = await told_of(emulator, told, bench)
    assert config.closing_stages
    assert {event for hook in hooks for event in read(bench, hook)} >= {
        RecordChanged(record=str(two.id), change="merged", survivor=str(one.id)),
        RecordChanged(record=str(three.id), change="deleted"),
        DealChanged(deal=str(deal.id), state="won"),
        DealChanged(deal=str(other.id), state="deleted"),
    }


@pytest.mark.parametrize("flaw", ["forged_hook", "stale_hook"])
async def test_what_is_signed_by_others_or_long_ago_is_refused(
    emulator: HubSpotEmulator, told: Told, bench: Bench, flaw: str
) -> None:
    application, _ = parts_of(bench)
    emulator.subscribe(application.client_id, "contact.deletion")
    await emulator.drain()
    told.pushes.clear()
    emulator.stage.arm(flaw)
    person = emulator.add_contact(ACME, "Анна")
    emulator.delete_record(ACME, "contacts", person.id)
    (hook,) = await told_of(emulator, told, bench)
    assert json.loads(hook.body)
    with pytest.raises(ForgedWebhook):
        read(bench, hook)
    with pytest.raises(ForgedWebhook):
        read(bench, replace(hook, headers={}))
