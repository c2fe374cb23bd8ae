"""Patterns that are safe to run on what strangers write: their worst case is counted beforehand.

One plain group, no alternatives, no references, no nesting; what repeats may repeat in so many
ways, multiplied over the pattern, and is matched against the beginning of a text only.
"""

import re

LONGEST_PATTERN = 120
LONGEST_TEXT = 256
MOST_WAYS = 2 * LONGEST_TEXT**2
_ATOM = re.compile(r"\\[dDwWsSbB.^$*+?{}\[\]()|\\/-]|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\]()|*+?{}]")
_REPEATS = re.compile(r"(?:\{(\d{1,3})(?:,(\d{1,3})?)?\}|[*+?])")
# Python means to give these a meaning of their own inside a class.
_SET_OPERATIONS = re.compile(r"--|&&|~~|\|\|")
_UNBOUNDED = LONGEST_TEXT


def problem_of_pattern(pattern: str) -> str:
    """Say why a pattern will not be run; nothing when it is safe."""
    if len(pattern) > LONGEST_PATTERN:
        return f"A pattern has at most {LONGEST_PATTERN} characters."
    ways = None if _SET_OPERATIONS.search(pattern) else _ways(pattern)
    if ways is None:
        return "A pattern repeats single characters and classes: no groups, no alternatives."
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError):
        return "This is not a regular expression."
    if groups > 1:
        return "A pattern has one group at most: ( )."
    return "" if ways <= MOST_WAYS else "A pattern repeats in too many ways: bound it, as in {1,9}."


def extracted(pattern: str, text: str) -> str:
    """Return the group, or the whole match, or nothing."""
    found = re.search(pattern, text[:LONGEST_TEXT])
    if found is None:
        return ""
    return (found[1] if found.re.groups else found[0]) or ""


def _ways(pattern: str) -> int | None:
    """Count in how many ways the parts may share a text; None for what is not allowed at all."""
    ways, at, is_open = 1, 0, False
    while at < len(pattern):
        if pattern[at] in "()":
            is_open, at = pattern[at] == "(", at + 1
            if not is_open and _REPEATS.match(pattern, at):
                return None
            continue
        atom = _ATOM.match(pattern, at)
        if atom is None:
            return None
        at = atom.end()
        if repeats := _REPEATS.match(pattern, at):
            ways *= _spread(repeats)
            at = repeats.end()
    return None if is_open else ways


def _spread(repeats: re.Match[str]) -> int:
    match repeats[0]:
        case "*" | "+":
            return _UNBOUNDED
        case "?":
            return 2
        case _:
            least = int(repeats[1])
            exact = "," not in repeats[0]
            most = least if exact else int(repeats[2] or _UNBOUNDED)
            return max(1, most - least + 1)
