"""What a CRM without chats holds on its cards, put as a desk shows chats. Pure.

A customer is known by the number at the end of their contact's name. Of an answer that was marked
more than once only the last mark is left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crm_clients.emulators.contract import FAILED, Json

Card = Mapping[str, Any]
PREFIX = "//"
SENT, NOT_SENT = "✓", "✗ "


def customer_of(contact: Card) -> str:
    return str(contact["name"]).rpartition(" ")[2]


def as_timeline(
    notes: Iterable[Card], contacts: Sequence[Card], leads: Iterable[Card]
) -> list[Json]:
    """What the customers' messages have become, a chat for each customer."""
    owners = _owners(contacts, leads)
    shown: dict[str, list[Json]] = {}
    cards: dict[str, str] = {}
    for note in notes:
        if note["title"]:
            owner = owners[note["entity"], note["entity_id"]]
            shown.setdefault(owner, []).append(_entry(note))
            if note["entity"] == "leads":
                cards[owner] = str(note["entity_id"])
    return [
        {"chat_id": cards.get(owner, ""), "client_id": owner, "messages": messages}
        for owner, messages in shown.items()
    ]


def _entry(note: Card) -> Json:
    return {
        "message_id": str(note["id"]),
        "text": note["text"],
        "is_from_operator": False,
        "appeared_at": note["created_at"],
        "sha256": "",
        "file_name": "",
    }


def as_replies(
    notes: Iterable[Card], contacts: Sequence[Card], leads: Iterable[Card]
) -> list[Json]:
    """What operators answered, and what they were told of it."""
    owners = _owners(contacts, leads)
    return [
        {
            "client_conversation_id": owners[note["entity"], note["entity_id"]],
            "message_id": str(note["id"]),
            "user_id": note["created_by"],
            "file_name": "",
            "text": note["text"].removeprefix(PREFIX).split("\n")[0].strip(),
            "at": note["created_at"],
            "sha256": "",
            "statuses": list(_marks(note["text"].split("\n")[1:])),
        }
        for note in notes
        if not note["title"]
    ]


def _owners(contacts: Sequence[Card], leads: Iterable[Card]) -> dict[tuple[str, int], str]:
    names = {contact["id"]: customer_of(contact) for contact in contacts}
    on_leads = {("leads", lead["id"]): names[lead["contact_ids"][0]] for lead in leads}
    return {**{("contacts", number): name for number, name in names.items()}, **on_leads}


def _marks(lines: Iterable[str]) -> Iterator[Json]:
    for line in lines:
        if line == SENT:
            yield {"code": 1, "error": None}
        elif line.startswith(NOT_SENT):
            yield {"code": FAILED, "error": line.removeprefix(NOT_SENT)}
