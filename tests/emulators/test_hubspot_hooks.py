"""CRM events as HubSpot sends them: in batches, signed twice, repeated, in no order."""

import json
from typing import Any

import pytest

from crm_clients.emulators.hubspot import hooks, signing
from crm_clients.emulators.hubspot.crm_model import Change
from tests.emulators.hubspot_scene import HOOK, Rig


def changed(record: int, event: str = "creation", kind: str = "0-1", **details: Any) -> Change:
    return Change(
        event=event,
        kind=kind,
        record_id=record,
        at=1_763_740_800.123,
        source="INTEGRATION",
        source_id="70001",
        details=details,
    )


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.emulator.subscribe(rig.app.app_id, "contact.creation")
    rig.emulator.subscribe(rig.app.app_id, "contact.propertyChange", property_name="phone")
    rig.emulator.subscribe(rig.app.app_id, "object.creation", object_type_id="0-46")
    rig.emulator.subscribe(rig.app.app_id, "contact.merge")
    return rig


def tell(rig: Rig, *changes: Change) -> None:
    for change in changes:
        rig.emulator.world.tell(rig.portal, change)


def batches(rig: Rig) -> list[list[Any]]:
    return [json.loads(push.body) for push in rig.hub.pushes]


async def test_changes_of_all_portals_come_together(rig: Rig) -> None:
    other = rig.emulator.add_portal("other")
    rig.emulator.install("other", rig.app.app_id)
    tell(rig, changed(101), changed(102))
    rig.emulator.world.tell(other, changed(103))
    await rig.emulator.drain()
    (batch,) = batches(rig)
    assert [(each["portalId"], each["objectId"]) for each in batch] == [
        (rig.portal.hub_id, 101),
        (rig.portal.hub_id, 102),
        (other.hub_id, 103),
    ]
    assert batch[0] | {"eventId": 1, "subscriptionId": 1} == {
        "eventId": 1,
        "subscriptionId": 1,
        "portalId": rig.portal.hub_id,
        "appId": rig.app.app_id,
        "occurredAt": 1_763_740_800_123,
        "subscriptionType": "contact.creation",
        "attemptNumber": 0,
        "objectId": 101,
        "changeSource": "INTEGRATION",
        "sourceId": "70001",
    }


async def test_a_batch_has_both_signatures_or_the_older_one(rig: Rig) -> None:
    tell(rig, changed(101))
    await rig.emulator.drain()
    rig.switch("batches_signed_twice", value=False)
    tell(rig, changed(102))
    await rig.emulator.drain()
    both, older = rig.hub.pushes
    secret = rig.app.client_secret
    assert both.headers["x-hubspot-signature"] == signing.first(secret, both.body)
    assert "x-hubspot-signature-v3" in both.headers
    assert older.headers["x-hubspot-signature-version"] == "v1"
    assert "x-hubspot-signature-v3" not in older.headers


async def test_only_what_was_subscribed_to_is_told(rig: Rig) -> None:
    tell(
        rig,
        changed(1, "propertyChange", propertyName="phone", propertyValue="+7"),
        changed(1, "propertyChange", propertyName="email", propertyValue="a@b.c"),
        changed(2, "creation", "0-3"),
        changed(3, "creation", "0-46"),
        changed(4, "merge", primaryObjectId=4, mergedObjectIds=[5], newObjectId=6),
    )
    await rig.emulator.drain()
    (batch,) = batches(rig)
    assert [each["subscriptionType"] for each in batch] == [
        "contact.propertyChange",
        "object.creation",
        "contact.merge",
    ]
    assert batch[1]["objectTypeId"] == "0-46"
    assert "objectId" not in batch[2]


async def test_a_refused_batch_comes_again_with_its_number(rig: Rig) -> None:
    rig.hub.statuses = [500, 401, None]
    tell(rig, changed(101))
    for _ in range(4):
        await rig.emulator.drain()
        await rig.clock.sleep(24 * 3600)
    assert [batch[0]["attemptNumber"] for batch in batches(rig)] == [0, 1, 2, 3]


async def test_a_long_batch_is_cut_and_may_be_shuffled(rig: Rig) -> None:
    rig.switch("batches_shuffled", value=True)
    tell(rig, *(changed(number) for number in range(1, 131)))
    await rig.emulator.drain()
    found = batches(rig)
    assert [len(batch) for batch in found] == [100, 30]
    told = [each["objectId"] for batch in found for each in batch]
    assert told != sorted(told)
    assert sorted(told) == list(range(1, 131))


async def test_hooks_meet_the_faults_that_are_armed(rig: Rig) -> None:
    stage = rig.emulator.stage
    for fault in ("lost_hook", "duplicate_hook", "forged_hook", "stale_hook"):
        stage.arm(fault, match="contact.creation")
        tell(rig, changed(101))
        await rig.emulator.drain()
    assert stage.faults == []
    assert len(rig.hub.pushes) == 4
    *_, forged, stale = rig.hub.pushes
    assert forged.headers["x-hubspot-signature"] != signing.first(
        rig.app.client_secret, forged.body
    )
    at_ms = int(stale.headers["x-hubspot-request-timestamp"])
    assert rig.emulator.world.now() * 1000 - at_ms > 5 * 60 * 1000
    assert {push.url for push in rig.hub.pushes} == {HOOK}


async def test_an_overtaken_hook_comes_second(rig: Rig) -> None:
    rig.switch("batch_size", value=1)
    rig.emulator.stage.arm("reordered_hooks")
    tell(rig, changed(1), changed(2))
    await rig.emulator.drain()
    assert [batch[0]["objectId"] for batch in batches(rig)] == [2, 1]


async def test_messages_of_threads_are_told_without_their_words() -> None:
    rig = Rig()
    rig.emulator.subscribe(rig.app.app_id, "conversation.newMessage")
    told = {"messageId": "abc", "messageType": "COMMENT"}
    hooks.tell_of_message(rig.emulator.world, rig.portal, 77, told)
    await rig.emulator.drain()
    ((event,),) = batches(rig)
    assert event["objectId"] == 77
    assert event | told | {"changeFlag": "NEW_MESSAGE"} == event
    assert "text" not in event
