"""Activities of cards: how they come to be, and how they are told."""

from collections.abc import Mapping
from typing import Any

from . import events
from .crm_model import Activity, Json
from .model import Portal
from .php import whole
from .world import World

DEFAULTS: Mapping[str, Any] = {
    "TYPE_ID": 6,
    "PROVIDER_ID": None,
    "PROVIDER_TYPE_ID": None,
    "ASSOCIATED_ENTITY_ID": 0,
    "SUBJECT": "",
    "START_TIME": None,
    "END_TIME": None,
    "DEADLINE": None,
    "COMPLETED": "N",
    "STATUS": 1,
    "PRIORITY": 2,
    "NOTIFY_TYPE": 0,
    "DESCRIPTION": "",
    "DESCRIPTION_TYPE": 1,
    "DIRECTION": 0,
    "LOCATION": "",
    "SETTINGS": [],
    "PROVIDER_PARAMS": [],
    "PROVIDER_DATA": None,
    "ORIGINATOR_ID": None,
    "ORIGIN_ID": None,
    "ORIGIN_VERSION": None,
    "RESULT_MARK": 0,
    "RESULT_STATUS": 0,
    "RESULT_STREAM": 0,
    "IS_INCOMING_CHANNEL": "N",
}
OWN = ("OWNER_ID", "OWNER_TYPE_ID", "RESPONSIBLE_ID")
LIMITED = ("ORIGIN_ID", "ORIGINATOR_ID")
WRITABLE = {*DEFAULTS, *OWN}
FILTERED = {*WRITABLE, "ID", "AUTHOR_ID", "EDITOR_ID", "CREATED", "LAST_UPDATED"}


def create(world: World, portal: Portal, sent: Mapping[str, Any], *, by: int) -> Activity:
    """Add an activity. Nothing keeps two from having the same ORIGIN_ID."""
    now = world.iso()
    made = {"AUTHOR_ID": by, "EDITOR_ID": by, "CREATED": now, "LAST_UPDATED": now}
    activity = Activity(
        id=portal.number("activity"),
        fields={**DEFAULTS, "START_TIME": now, "END_TIME": now, "RESPONSIBLE_ID": by, **made},
        bindings=[(whole(sent["OWNER_TYPE_ID"]), whole(sent["OWNER_ID"]))],
    )
    _take(world, activity, sent)
    portal.crm.activities[activity.id] = activity
    tell(world, portal, activity, "ADD", by=by)
    return activity


def update(
    world: World,
    portal: Portal,
    activity: Activity,
    sent: Mapping[str, Any],
    *,
    by: int,
) -> None:
    _take(world, activity, sent)
    activity.fields |= {"EDITOR_ID": by, "LAST_UPDATED": world.iso()}
    tell(world, portal, activity, "UPDATE", by=by)


def delete(world: World, portal: Portal, activity: Activity, *, by: int) -> None:
    activity.is_deleted = True
    tell(world, portal, activity, "DELETE", by=by)


def _take(world: World, activity: Activity, sent: Mapping[str, Any]) -> None:
    for name, value in sent.items():
        if name in LIMITED and value is not None:
            activity.fields[name] = str(value)[: world.switches.origin_limit]
        elif name in WRITABLE:
            activity.fields[name] = value


def tell(world: World, portal: Portal, activity: Activity, what: str, *, by: int) -> None:
    data = {"FIELDS": {"ID": activity.id}}
    events.tell(world, portal, events.Event(f"ONCRMACTIVITY{what}", data, by=by))


def row(activity: Activity) -> Json:
    """Tell an activity as the old methods do: strings, null where nothing is."""
    shown: Json = {"ID": str(activity.id)}
    for name, value in activity.fields.items():
        is_plain = value is None or isinstance(value, dict | list)
        shown[name] = value if is_plain else str(value)
    return shown
