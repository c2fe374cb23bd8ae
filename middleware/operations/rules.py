"""What may be shown of customers to people who are not talking with them.

Masking keeps the shape: whoever wrote a sentence, or knows a number, recognises it; nobody else
learns it. Ids of providers are shown, unless they are phone numbers.
"""

import re
from dataclasses import replace

from middleware.outbox.effects import Effect

HIDDEN = "•"
LONGEST_SHOWN = 120
INSIDE_A_WORD = re.compile(r"(?<=\w)\w|\d")
# Parts of what would be done that hold ids, states and sizes, never words of customers.
SHOWN = frozenset(
    {
        *("record", "pipeline", "stage", "responsible", "status", "code", "due_at"),
        *("quoted", "sort", "shows", "message"),
    }
)
PHONE_LIKE = re.compile(r"(?<![\w-])\+?\d{10,15}(?!\w)")


def masked_text(text: str) -> str:
    """Keep the first letter of each word, and of a long text only its beginning."""
    shown = INSIDE_A_WORD.sub(HIDDEN, text[:LONGEST_SHOWN])
    return f"{shown}…" if len(text) > LONGEST_SHOWN else shown


def masked_number(number: str) -> str:
    """Keep where a number begins and how it ends: `+79161112233` becomes `+7•••33`."""
    begins = 2 if number.startswith("+") else 1
    return f"{number[:begins]}{HIDDEN * 3}{number[-2:]}" if len(number) > 5 else HIDDEN * 3


def masked_email(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}{HIDDEN * 3}@{domain[:1]}{HIDDEN * 3}.{domain.rpartition('.')[2]}"


def masked_id(name: str) -> str:
    """Show a provider's id, but for the phone numbers in it."""
    return PHONE_LIKE.sub(lambda found: masked_number(found[0]), name)


def masked_identity(kind: str, value: str) -> str:
    match kind:
        case "phone":
            return masked_number(value)
        case "email":
            return masked_email(value)
        case _:
            return masked_id(value)


def masked_effect(effect: Effect) -> Effect:
    """Hide what is a customer's in a line of what would be done."""
    before, after = (
        tuple(_masked_part(effect.name, value) for value in values)
        for values in (effect.before, effect.after)
    )
    return replace(effect, target=masked_id(effect.target), before=before, after=after)


def _masked_part(name: str, value: str) -> str:
    match name:
        case "phones":
            return masked_number(value)
        case "emails":
            return masked_email(value)
        case _:
            return masked_id(value) if name in SHOWN else masked_text(value)
