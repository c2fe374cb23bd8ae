"""What an employee is called before a customer, made of what the CRM calls them. Pure."""

import re
from itertools import pairwise
from typing import Literal, TypeAlias

Manner: TypeAlias = Literal["none", "first", "full"]

LONGEST = 60
_PATRONYMIC = re.compile(r"\w+(?:ович|евич|ьич|мич|овна|евна|ична)", re.IGNORECASE)


def called(name: str, manner: Manner) -> str:
    """Say an employee's name as customers are to see it; empty when none can be shown.

    An account without a name shows its e-mail in place of one: an address is nobody's name.
    """
    whole = " ".join(name.split())
    if manner == "none" or "@" in whole:
        return ""
    shown = first_name(whole) if manner == "first" else whole
    return shown[:LONGEST].rstrip()


def first_name(name: str) -> str:
    """Take the first name out of a whole one.

    It is what stands before a patronymic, in whichever order the surname comes; after a comma
    ("Петрова, Ольга"); else the first word.
    """
    words = name.partition(",")[2].split() or name.replace(",", " ").split()
    for before, word in pairwise(words):
        if _PATRONYMIC.fullmatch(word):
            return before
    return words[0] if words else ""
