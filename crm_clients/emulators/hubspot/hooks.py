"""CRM events: in JSON arrays, for all portals of an application together, in no order."""

import json
from collections.abc import Iterator
from functools import partial

from .crm_model import Change, Json
from .model import App, Portal, Subscription
from .sending import ATTEMPTS, nobody, send
from .world import Letter, World

NAMES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
OF_MERGES = {"primaryObjectId", "mergedObjectIds", "newObjectId"}


def hear(world: World, portal: Portal, change: Change) -> None:
    """Tell of a change to every application on the portal that subscribed to it."""
    for app in [each.app for each in portal.installations.values()]:
        for subscription in app.subscriptions:
            if subscription.is_active and _is_meant(subscription, change):
                _put(world, app, _told(world, portal, (app, subscription), change))


def tell_of_message(world: World, portal: Portal, thread_id: int, message: Json) -> None:
    """Tell of a message of whatever thread: neither its words nor its direction."""
    change = Change(
        event="newMessage",
        kind="conversation",
        record_id=thread_id,
        at=world.now(),
        source="",
        source_id="",
        details={"changeFlag": "NEW_MESSAGE", **message},
    )
    hear(world, portal, change)


def _is_meant(subscription: Subscription, change: Change) -> bool:
    name, _, event = subscription.event.partition(".")
    if event != change.event:
        return False
    if name == "object":
        is_kind = subscription.object_type_id == change.kind
    else:
        is_kind = NAMES.get(change.kind, change.kind) == name
    wanted = subscription.property_name
    return is_kind and wanted in ("", change.details.get("propertyName", ""))


def _told(world: World, portal: Portal, whose: tuple[App, Subscription], change: Change) -> Json:
    app, subscription = whose
    event: Json = {
        "eventId": world.rng.getrandbits(32),
        "subscriptionId": subscription.id,
        "portalId": portal.hub_id,
        "appId": app.app_id,
        "occurredAt": round(change.at * 1000),
        world.switches.event_name_key: subscription.event,
        "attemptNumber": 0,
    }
    if not change.details.keys() & (OF_MERGES | {"fromObjectId"}):
        event["objectId"] = change.record_id
    if subscription.event.startswith("object."):
        event["objectTypeId"] = change.kind
    if change.source:
        event |= {"changeSource": change.source, "sourceId": change.source_id}
    return event | change.details


def _put(world: World, app: App, event: Json) -> None:
    """Lay an event to those that wait; the first of them begins the wait."""
    waiting = world.events.setdefault(app.client_id, [])
    waiting.append(event)
    if len(waiting) == 1:
        world.background.start(_flush(world, app))


async def _flush(world: World, app: App) -> None:
    await world.stage.clock.sleep(world.switches.batch_wait_s)
    waiting = world.events.pop(app.client_id)
    if world.switches.batches_shuffled:
        world.rng.shuffle(waiting)
    for letter in _letters(world, app, waiting):
        send(world, letter)


def _letters(world: World, app: App, events: list[Json]) -> Iterator[Letter]:
    size = world.switches.batch_size
    for first in range(0, len(events), size):
        batch = events[first : first + size]
        yield Letter(
            app=app,
            url=app.hook_url,
            name=" ".join(str(each[world.switches.event_name_key]) for each in batch),
            body=partial(_body, batch),
            told=nobody,
            attempts=ATTEMPTS,
            is_batch=True,
        )


def _body(batch: list[Json], attempt: int) -> bytes:
    events = [{**each, "attemptNumber": attempt} for each in batch]
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
