"""Which kinds of things take a property of ours that the portal holds unique: found out by trying.

The documentation names no such property of things on timelines, and does not rule them out. So a
property is made and two things are tried under one key: the second must be refused, and the first
be found by the key. What was tried is removed.

Source: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide, which lists contacts,
companies, deals, tickets and custom objects; batch upserts of notes and calls stand in the
specifications.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_clients.hubspot.markers import MARKER, holds_marker, keep_marker
from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.timeline import (
    CALLS,
    COMMUNICATIONS,
    EMAILS,
    NOTES,
    TASKS,
    WHEN,
    Kind,
    Timeline,
    stamp,
)
from crm_clients.hubspot.versions import OBJECTS, PROPERTIES, path
from crm_clients.hubspot.wire import CrmObject
from mappers.vocabulary import Blocked, Permanent, ProviderError

GROUP = "threadline"
EXISTS = 409
LOGGED = (CALLS, EMAILS, TASKS)
# What each kind must say of itself to be made at all.
REQUIRED: Mapping[str, Mapping[str, str]] = {
    NOTES.name: {},
    COMMUNICATIONS.name: {
        "hs_communication_channel_type": "SMS",
        "hs_communication_logged_from": "CRM",
    },
    CALLS.name: {},
    EMAILS.name: {"hs_email_direction": "EMAIL"},
    TASKS.name: {"hs_task_subject": "Threadline", "hs_task_status": "COMPLETED"},
}


async def marked_kinds(rest: Rest, kinds: Iterable[Kind]) -> tuple[str, ...]:
    """Name those that take it. Raises: `ProviderError` where the portal could not be asked."""
    return tuple([kind.name for kind in dict.fromkeys(kinds) if await takes_key(rest, kind)])


async def keeps_keys(rest: Rest, kinds: Iterable[str]) -> bool:
    """Say whether the properties that were made are still there. Changes nothing."""
    for kind in kinds:
        if not await holds_marker(rest, kind):
            return False
    return True


async def takes_key(rest: Rest, kind: Kind) -> bool:
    try:
        return await _keep_property(rest, kind) and await _holds_unique(rest, kind)
    except ProviderError as refused:
        if isinstance(refused.failure, Blocked | Permanent):
            return False
        raise


async def _keep_property(rest: Rest, kind: Kind) -> bool:
    """Make the property in a group of its own, which may be there already."""
    groups = path(PROPERTIES, kind.name, "groups")
    group = {"name": GROUP, "label": "Threadline"}
    await rest.keeping(EXISTS).post(groups, "properties.group", group, repeatable=True)
    return bool(await keep_marker(rest, kind.name, GROUP))


async def _holds_unique(rest: Rest, kind: Kind) -> bool:
    key = f"trial:{rest.config.portal_id}:{stamp(rest.http.now())}"
    made: list[str] = []
    try:
        made.append(await _try(rest, kind, key))
        try:
            made.append(await _try(rest, kind, key))
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            there = await Timeline(rest).of_key(kind, key)
            return there is not None and there.id == made[0]
        return False
    finally:
        for thing in made:
            await _remove(rest, kind, thing)


async def _try(rest: Rest, kind: Kind, key: str) -> str:
    words = "Threadline tries whether it can find this again, and removes it at once."
    properties: dict[str, Any] = {
        WHEN: stamp(rest.http.now()),
        kind.words: words,
        MARKER: key,
        **REQUIRED[kind.name],
    }
    reply = await rest.post(
        path(OBJECTS, kind.name), f"{kind.name}.try", {"properties": properties}
    )
    return only_of(CrmObject, reply.value(), repeatable=False).id


async def _remove(rest: Rest, kind: Kind, thing: str) -> None:
    await rest.keeping(404).delete(path(OBJECTS, kind.name, thing), f"{kind.name}.remove")
