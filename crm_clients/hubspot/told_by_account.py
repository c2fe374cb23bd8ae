"""What the events of a portal's CRM mean: contacts and deals that changed.

Each kind of card is told of under its own name or, in newer subscriptions, as an object of a
number. What we changed ourselves is told to us, too.

Source: developers.hubspot.com/docs/api/webhooks.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from crm_clients.hubspot.cases import NAMES
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.objects import CONTACTS, NUMBERS
from crm_clients.hubspot.wire import CrmEvent
from mappers.vocabulary import DealChanged, Event, MalformedWebhook, Reading, RecordChanged

OLDER_NAMES = {"contact": "contacts", "deal": "deals", "ticket": "tickets"}
_NAME = re.compile(r"[A-Za-z.]{1,60}")
_NUMBER = re.compile(r"[0-9]{1,20}")


def read_event(told: dict[str, Any], config: Config) -> Reading:
    """Read one event. Raises: `MalformedWebhook`."""
    try:
        event = CrmEvent.model_validate(told)
    except ValidationError:
        raise MalformedWebhook("the parcel tells of no event of a portal") from None
    kind, action = _about(event)
    if kind == CONTACTS:
        events = tuple(_of_contact(event, action))
    elif kind == config.case:
        events = tuple(_of_deal(event, action, config))
    else:
        events = ()
    return Reading(events=events) if events else Reading(ignored=(_named(event),))


def _about(event: CrmEvent) -> tuple[str, str]:
    """Return what kind of card an event is about, and what happened to it."""
    name, _, action = event.named.partition(".")
    if name != "object":
        return OLDER_NAMES.get(name, ""), action
    kinds = (kind for kind, number in NUMBERS.items() if number == event.object_type)
    return next(kinds, ""), action


def _of_contact(event: CrmEvent, action: str) -> Iterator[Event]:
    match action:
        case "deletion" | "privacyDeletion" if _is_id(event.object):
            yield RecordChanged(record=event.object, change="deleted")
        case "restore" if _is_id(event.object):
            yield RecordChanged(record=event.object, change="restored")
        case "merge":
            yield from _merged(event)
        case _:
            pass


def _merged(event: CrmEvent) -> Iterator[Event]:
    """A merge makes a new number or keeps the first one's; all the others are gone."""
    survivor = event.survivor or event.primary
    for each in dict.fromkeys((event.primary, *event.merged)):
        if _is_id(each) and _is_id(survivor) and each != survivor:
            yield RecordChanged(record=each, change="merged", survivor=survivor)


def _of_deal(event: CrmEvent, action: str, config: Config) -> Iterator[Event]:
    """Which stages are an end was learnt by set-up; a newer one is looked at when it matters."""
    if not _is_id(event.object):
        return
    names = NAMES[config.case]
    match action:
        case "deletion":
            yield DealChanged(deal=event.object, state="deleted")
        case "propertyChange" if event.name == names.stage and event.value:
            state = dict(config.closing_stages).get(event.value, "open")
            yield DealChanged(deal=event.object, state=state)
        case _:
            pass


def _named(event: CrmEvent) -> str:
    name = event.named
    return f"account.{name}" if _NAME.fullmatch(name) else "account.unknown"


def _is_id(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value))
