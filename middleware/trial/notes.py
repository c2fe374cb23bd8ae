"""Evidence from cards: what a CRM without chats holds, put as the verdict reads chats. Pure.

A customer is known by the number at the end of their contact's name. Of an answer that was marked
more than once only the last mark is left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
PREFIX = "//"
SENT, FAILED = "✓", "✗ "


def customer_of(contact: Json) -> str:
    return str(contact["name"]).rpartition(" ")[2]


def as_timeline(
    notes: Iterable[Json], contacts: Sequence[Json], leads: Iterable[Json]
) -> list[Json]:
    """What the customers' messages have become, a chat for each customer."""
    owners = _owners(contacts, leads)
    shown: dict[str, list[Json]] = {}
    for note in notes:
        if note["title"]:
            entry = {"text": note["text"], "appeared_at": note["created_at"], "sha256": ""}
            owner = owners[note["entity"], note["entity_id"]]
            shown.setdefault(owner, []).append({**entry, "is_from_operator": False})
    return [{"client_id": owner, "messages": messages} for owner, messages in shown.items()]


def as_replies(
    notes: Iterable[Json], contacts: Sequence[Json], leads: Iterable[Json]
) -> list[Json]:
    """What operators answered, and what they were told of it."""
    owners = _owners(contacts, leads)
    return [
        {
            "client_conversation_id": owners[note["entity"], note["entity_id"]],
            "text": note["text"].removeprefix(PREFIX).split("\n")[0].strip(),
            "at": note["created_at"],
            "sha256": "",
            "statuses": list(_marks(note["text"].split("\n")[1:])),
        }
        for note in notes
        if not note["title"]
    ]


def _owners(contacts: Sequence[Json], leads: Iterable[Json]) -> dict[tuple[str, int], str]:
    names = {contact["id"]: customer_of(contact) for contact in contacts}
    on_leads = {("leads", lead["id"]): names[lead["contact_ids"][0]] for lead in leads}
    return {**{("contacts", number): name for number, name in names.items()}, **on_leads}


def _marks(lines: Iterable[str]) -> Iterator[Json]:
    for line in lines:
        if line == SENT:
            yield {"code": 1, "error": None}
        elif line.startswith(FAILED):
            yield {"code": -1, "error": line.removeprefix(FAILED)}
