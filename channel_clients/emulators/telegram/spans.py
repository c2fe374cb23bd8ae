"""What both parsers of formatted text build on: plain text so far, and its entities so far."""

from dataclasses import dataclass, field
from typing import Any

Entity = dict[str, Any]


class Unparsable(Exception):
    """The formatting is wrong; the message is Telegram's, without its prefix."""


def units(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode())


@dataclass(slots=True)
class Open:
    """An entity that has begun: `tag` is what must end it, `at` where it stands in the source."""

    tag: str
    at: int
    entity: Entity | None


@dataclass(slots=True)
class Draft:
    """Plain text under construction."""

    plain: list[str] = field(default_factory=list)
    length: int = 0
    done: list[Entity] = field(default_factory=list)
    stack: list[Open] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.plain.append(text)
        self.length += units(text)

    def begin(self, tag: str, at: int, kind: str | None, **extra: Any) -> None:
        entity = {"type": kind, "offset": self.length, **extra} if kind else None
        self.stack.append(Open(tag, at, entity))

    def end(self, **extra: Any) -> None:
        """Close the innermost entity; an empty one leaves no trace."""
        entity = self.stack.pop().entity
        if entity is not None and self.length > entity["offset"]:
            self.done.append({**entity, **extra, "length": self.length - entity["offset"]})

    def finished(self) -> tuple[str, list[Entity]]:
        return "".join(self.plain), self.done
