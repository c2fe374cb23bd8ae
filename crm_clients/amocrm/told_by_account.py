"""What the account's own hooks mean: what became of records and deals.

Two quirks shaped the reading. Companies arrive under `contacts`, told apart by `type`. Incoming
messages come under `message` or, from Kommo, without a root; we relay neither, since what a
customer says reaches us through their own channel.

Source: amocrm.ru/developers/content/crm_platform/webhooks-format.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

from crm_clients.amocrm.fields import state_of
from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.told_by_notes import reply_in_hook
from crm_clients.forms import Form
from mappers.vocabulary import (
    DealChanged,
    Event,
    Reading,
    RecordChanged,
)

_NAME = re.compile(r"[a-z_]{1,40}")


def read_account(form: Form, config: Config) -> Reading:
    """Read an account's hook: what became of records and deals. The rest is named and left."""
    events: list[Event] = []
    ignored: list[str] = []
    for root, action, item in items(form):
        event = _about_record(root, action, item) or _about_deal(root, action, item)
        if action == "note":
            event = reply_in_hook(root, item, config)
        told = (event,) if event else tuple(_about_unsorted(root, action, item))
        if told:
            events.extend(told)
        elif root != "account":
            ignored.append(_named(root, action, item))
    return Reading(events=tuple(events), ignored=tuple(ignored))


def _about_record(root: str, action: str, item: Form) -> Event | None:
    """`type` is missing from older samples; a company without it is harmless, as nobody's record.

    amoCRM tells of a merge as a deletion beside an update: the survivor is found by its chats.
    """
    record = item.get("id")
    if root != "contacts" or item.get("type") == "company" or not _is_number(record):
        return None
    match action:
        case "delete":
            return RecordChanged(record=str(record), change="deleted")
        case "update":
            return RecordChanged(record=str(record), change="updated")
        case "restore":
            return RecordChanged(record=str(record), change="restored")
        case _:
            return None


def _about_deal(root: str, action: str, item: Form) -> Event | None:
    deal = item.get("id")
    if root != "leads" or not _is_number(deal):
        return None
    if action == "delete":
        return DealChanged(deal=str(deal), state="deleted")
    if action in ("status", "restore") and _is_number(item.get("status_id")):
        pipeline = item.get("pipeline_id")
        return DealChanged(
            deal=str(deal),
            state=state_of(item["status_id"]),
            pipeline=str(pipeline) if _is_number(pipeline) else "",
        )
    return None


def _about_unsorted(root: str, action: str, item: Form) -> Iterator[Event]:
    """An unsorted deal ends by being accepted, and is an ordinary one then, or by being declined.

    A deal that was linked to another one on the way is looked for again by its contact.
    """
    if root != "unsorted" or action != "delete":
        return
    state: Literal["open", "deleted"]
    match item:
        case {"action": "accept", "accept_result": {"leads": dict() as leads}}:
            state = "open"
        case {"action": "decline", "decline_result": {"leads": dict() as leads}}:
            state = "deleted"
        case _:
            return
    for deal in leads.values():
        if _is_number(deal):
            yield DealChanged(deal=deal, state=state)


def items(form: Form) -> Iterator[tuple[str, str, Form]]:
    """Walk `root[action][0][…]`; a root-less `add[0][…]` is a message or a review of a template."""
    for root, actions in form.items():
        if root == "add":
            for item in _values(actions):
                yield "message" if "chat_id" in item else "template_review", "add", item
            continue
        if isinstance(actions, dict):
            for action, items in actions.items():
                for item in _values(items):
                    yield root, action, item


def _values(items: Any) -> list[Form]:
    found = items.values() if isinstance(items, dict) else ()
    return [item for item in found if isinstance(item, dict)]


def _named(root: str, action: str, item: Form) -> str:
    words = ("companies" if item.get("type") == "company" else root, action)
    is_known = all(_NAME.fullmatch(word) for word in words)
    return f"account.{'.'.join(words)}" if is_known else "account.unknown"


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
