"""The index of phones and addresses, which finds cards whatever way they were written."""

import re
from collections.abc import Mapping, Sequence

from .crm_model import COMPANY, CONTACT, ENTITY_NAMES, LEAD, Card

MOST = 20  # matches of one value, all kinds of cards together
ORDER = (LEAD, CONTACT, COMPANY)
EXTENSION = re.compile(r"\s*(?:ext|доб)\.?\s*\d+$", re.IGNORECASE)
LONG = 10
KEPT_WHOLE = ("80", "81", "82")
REWRITTEN = (("00", ""), ("011", ""), ("8", "7"), ("0", ""))


def phone(value: str) -> str:
    """Return a phone as the index keeps it; exactly one rule applies, the first that fits."""
    text = EXTENSION.sub("", value.strip())
    if text.startswith("+8"):
        text = f"008{text[2:]}"
    text = re.sub(r"[^0-9#*,;]", "", text)
    if len(text) < LONG or text.startswith(KEPT_WHOLE):
        return text
    for start, instead in REWRITTEN:
        if text.startswith(start):
            return instead + text[len(start) :]
    return text


def email(value: str) -> str:
    return value.strip().lower()


NORMAL = {"PHONE": phone, "EMAIL": email}


def find(
    shelves: Mapping[int, Sequence[Card]], type_id: str, values: Sequence[str]
) -> dict[int, list[int]]:
    """Return the ids of cards by their kind, out of `shelves` in their order.

    Twenty are found for each value, all kinds together: many leads hide the contacts.
    """
    found: dict[int, list[int]] = {}
    for value in values:
        same = [card for shelf in shelves.values() for card in shelf if _has(card, type_id, value)]
        for card in same[:MOST]:
            ids = found.setdefault(card.entity, [])
            if card.id not in ids:
                ids.append(card.id)
    return found


def _has(card: Card, type_id: str, value: str) -> bool:
    normal = NORMAL[type_id]
    return normal(value) in {normal(each) for each in card.values_of(type_id)}


def named(found: dict[int, list[int]]) -> dict[str, list[int]]:
    return {ENTITY_NAMES[kind]: ids for kind, ids in found.items()}
