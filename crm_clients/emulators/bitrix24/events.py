"""Events: unsigned forms, sent once whatever becomes of them, or kept in an offline queue."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from channel_clients.emulators.stage import Push, Request

from . import oauth, php
from .model import Binding, Installation, Json, Portal, QueuedEvent
from .world import Parcel, World

TIMEOUT_S = 5.0
HOLD_S = 5.0
FORM = {
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": "Bitrix24 Webhook Engine",
}
CONNECTOR_EVENTS = "ONIMCONNECTOR"
WITHOUT_SCOPE = {"ONAPPUNINSTALL"}
TOKENS = {"access_token", "refresh_token", "expires", "expires_in", "user_id"}
PING = "ONOFFLINEEVENT"
Told = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `by`: the user who caused it; without one it carries no tokens.

    `only`: the application it concerns. `told` hears what the handler answered.
    """

    name: str
    data: Any
    by: int | None = None
    only: str | None = None
    told: Told | None = None


def tell(world: World, portal: Portal, event: Event) -> None:
    """Send an event to everyone who listens, some time soon."""
    for installation in list(portal.installations.values()):
        is_meant = event.only in (None, installation.application.client_id)
        if is_meant and installation.is_finished:
            for binding in installation.bindings:
                if binding.event == event.name.upper():
                    _to_one(world, portal, (installation, binding), event)


def _to_one(world: World, portal: Portal, to: tuple[Installation, Binding], event: Event) -> None:
    installation, binding = to
    if binding.is_offline:
        _enqueue(world, portal, installation, event)
        _ping(world, portal, installation)
        return
    auth = authorization(world, portal, installation, binding.auth_type or event.by)
    if event.name in WITHOUT_SCOPE:
        auth = {key: auth[key] for key in auth if key not in {"scope", "status"}}
    _send_to(world, binding, (event.name.upper(), event.data, auth), event.told)


def _send_to(
    world: World, binding: Binding, what: tuple[str, Any, Json], told: Told | None = None
) -> None:
    """Send an event, `what` being its name, its data and its `auth`."""
    name, data, auth = what
    body: Json = {
        "event": name,
        world.switches.handler_id_key: binding.id,
        "data": data,
        "ts": int(world.now()),
        "auth": auth,
    }
    send(world, binding.handler, body, told)


def authorization(
    world: World, portal: Portal, installation: Installation, user_id: int | None
) -> Json:
    """Return the `auth` of an event; nobody's tokens when no user caused it."""
    block: Json = {}
    if user_id:
        token = oauth.access_token(world, portal, installation, user_id)
        block = {
            "access_token": token.value,
            "expires": int(token.expires_at),
            "expires_in": world.switches.token_life_s,
            "user_id": user_id,
        }
    return {
        **block,
        "scope": ",".join(sorted(installation.scopes)),
        "domain": portal.host,
        "server_endpoint": f"{world.base}/rest/",
        "status": installation.application.status,
        "client_endpoint": world.endpoint(portal),
        "member_id": portal.member_id,
        "application_token": installation.application_token,
    }


def send(world: World, handler: str, body: Json, told: Told | None = None) -> None:
    """Post a form as the armed faults and the switches allow."""
    stage, switches = world.stage, world.switches
    matched = Request(method="POST", path=f"{handler} {body.get('event', '')}")
    if switches.events_lost or stage.take(matched, {"lost_event"}):
        return
    auth = dict(body["auth"])
    if stage.take(matched, {"wrong_application_token"}):
        auth["application_token"] = "0" * 32
    if stage.take(matched, {"event_without_tokens"}):
        auth = {key: auth[key] for key in auth if key not in TOKENS}
    push = Push(
        method="POST",
        url=handler,
        headers=FORM,
        body=php.form({**body, "auth": auth}),
        timeout_s=TIMEOUT_S,
    )
    is_doubled = switches.event_twice or stage.take(matched, {"duplicate_event"})
    parcel = Parcel(push=push, times=2 if is_doubled else 1, told=told or _nobody)
    waiting, world.held_event = world.held_event, None
    if waiting is None and stage.take(matched, {"reordered_events"}):
        world.held_event = parcel
        world.background.start_later(_release_late(world, parcel))
        return
    world.background.start(_deliver(world, filter(None, (parcel, waiting))))


def _nobody(status: int | None) -> None:
    del status


async def _deliver(world: World, parcels: Iterable[Parcel]) -> None:
    switches = world.switches
    wait = switches.event_delay_s + world.rng.uniform(0, switches.event_jitter_s)
    if wait:
        await world.stage.clock.sleep(wait)
    for parcel in parcels:
        for _ in range(parcel.times):
            parcel.told(await world.stage.push(parcel.push))


async def _release_late(world: World, held: Parcel) -> None:
    """A held event goes out alone when no other comes to overtake it."""
    await world.stage.clock.sleep(HOLD_S)
    if world.held_event is held:
        world.held_event = None
        world.background.start(_deliver(world, [held]))


def _enqueue(world: World, portal: Portal, installation: Installation, event: Event) -> None:
    """Queue an event; the same event with the same data takes one row, the newest."""
    name = event.name.upper()
    if name.startswith(CONNECTOR_EVENTS) and not world.switches.connector_events_offline:
        return
    said = f"{name}{json.dumps(event.data, sort_keys=True)}"
    digest = hashlib.md5(said.encode(), usedforsecurity=False).hexdigest()
    waiting = (each for each in installation.queue if not each.process_id)
    same = next((each for each in waiting if each.message_id == digest), None)
    if same is not None:
        installation.queue.remove(same)
    queued = QueuedEvent(
        id=portal.number("queued"),
        event=name,
        data=event.data,
        user_id=event.by or 0,
        message_id=digest,
        at=world.now(),
    )
    installation.queue.append(queued)


def _ping(world: World, portal: Portal, installation: Installation) -> None:
    """Tell that something waits in the queue, no more often than was asked for."""
    for binding in installation.bindings:
        if binding.event == PING and world.now() >= binding.quiet_until:
            binding.quiet_until = world.now() + binding.min_timeout
            pair = oauth.open_grant(world, portal, installation, installation.user_id)
            auth = authorization(world, portal, installation, installation.user_id)
            tokens = {**auth, "refresh_token": pair["refresh_token"]}
            _send_to(world, binding, (PING, {}, tokens))
