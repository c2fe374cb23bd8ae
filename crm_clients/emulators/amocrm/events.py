"""The account's journal of events, as far as integrations reconcile with it."""

from typing import Any

from .model import Account, Contact, Lead
from .world import World

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def record(
    world: World, account: Account, kind: str, card: Contact | Lead, *after: dict[str, Any]
) -> None:
    """Add an event about a card. Chat events carry the id of the message, never its text."""
    entity = "contact" if isinstance(card, Contact) else "lead"
    account.events.append(
        {
            "id": "".join(world.rng.choice(_ALPHABET) for _ in range(26)),
            "type": kind,
            "entity_id": card.id,
            "entity_type": entity,
            "created_by": card.updated_by,
            "created_at": world.unix(),
            "value_after": list(after),
            "value_before": [],
            "account_id": account.id,
            "_embedded": {"entity": {"id": card.id}},
        }
    )
