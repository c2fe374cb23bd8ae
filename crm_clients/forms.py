"""Forms as PHP writes them: brackets in keys mean nesting.

Two CRMs post such forms. Every value is a string; what was empty may be missing altogether.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from mappers.vocabulary import MalformedWebhook

LONGEST_FORM, DEEPEST_KEY = 20_000, 16
_KEY = re.compile(r"[^\[\]]+|\[([^\[\]]*)\]")
# A database refuses both: NUL in text, and halves of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Form = dict[str, Any]


def storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def parse_form(body: bytes) -> Form:
    """Unfold `a[b][0]=v` into dictionaries; PHP's lists stay dictionaries by index.

    Raises: `MalformedWebhook` for what is no form, or more of one than anybody ever sends.
    """
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=LONGEST_FORM)
    except ValueError:
        raise MalformedWebhook("the body is not an urlencoded form") from None
    unfolded: Form = {}
    for key, value in pairs:
        _plant(unfolded, storable(key), storable(value))
    return unfolded


def with_lists(value: Any) -> Any:
    """Turn every dictionary whose keys count from nought into the list that it was."""
    if not isinstance(value, dict):
        return value
    unfolded = {key: with_lists(inner) for key, inner in value.items()}
    is_list = bool(unfolded) and list(unfolded) == [str(at) for at in range(len(unfolded))]
    return list(unfolded.values()) if is_list else unfolded


def _plant(tree: Form, key: str, value: str) -> None:
    steps = [inner if inner is not None else whole for whole, inner in _steps(key)]
    if not steps or len(steps) > DEEPEST_KEY:
        raise MalformedWebhook("a key is nested deeper than anybody nests them")
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            below = tree[step] = {}
        tree = below
    # `a[]` appends in PHP: every value gets an index of its own.
    tree[steps[-1] or str(len(tree))] = value


def _steps(key: str) -> list[tuple[str, str | None]]:
    return [(found.group(0), found.group(1)) for found in _KEY.finditer(key[:2048])]
