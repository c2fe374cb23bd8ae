"""Random documents against real cards: applied to their own result, they change nothing."""

import random
from collections.abc import Iterable
from typing import Any

from mappers.mapping.engine import apply
from mappers.mapping.model import Current, Document, Origin, Rule, Write
from middleware.fields.rules import keys_of
from tests.conformance.crm_fields import Cards

WORDS = ("Да", "нет", "12,5", "2026-03-29", "2026-11-22T21:30:00+00:00", "Опт", "Ольга Менеджер")
PHONES = ("8 916 111 22 33", "+79160000001", "a@B.ru", "http://х.рф")
WRITES: tuple[Write | None, ...] = ("always", "if_empty", "once", None)
EVERYWHERE = (
    *("contact.name", "contact.phone", "contact.email", "deal.title", "deal.price"),
    *("pipeline", "stage", "responsible", "tags"),
)


def a_document(rng: random.Random, fields: Iterable[str]) -> Document:
    targets = (*EVERYWHERE, *fields)

    def a_rule() -> Rule:
        word: Any = rng.choice((*WORDS, *PHONES, True))
        target, write = rng.choice(targets), rng.choice(WRITES)
        return Rule(target=target, origin=Origin(const=word), write=write)

    return Document(rules=tuple(a_rule() for _ in range(rng.randint(1, 12))))


async def written(cards: Cards, document: Document) -> dict[str, tuple[str, ...]]:
    """Apply a document to the cards as they are, write what it says, and return that."""
    keys = keys_of(document, cards.catalogue)
    current = Current(values=await cards.held(*keys))
    changes = apply(document, {}, current, cards.catalogue)
    values = {each.key: each.after for each in changes if each.outcome == "written"}
    await cards.fill(values)
    return values
