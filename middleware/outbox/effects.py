"""What calls would change, told in lines before any is made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NEW = "new:"


def stand_in(what: str) -> str:
    """Name what would be made first, where its provider's id will stand."""
    return f"{NEW}{what}"


def is_stand_in(name: str) -> bool:
    return name.startswith(NEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One line: what one step would do to one thing.

    `step` is an ability by its name in the contracts and `target` the id of what it is used on,
    the provider's or ours; where that would be made first, a stand-in. `name` says which part of
    it changes: what is new has nothing `before`, and what goes has nothing `after`.
    """

    step: str
    target: str
    name: str
    before: tuple[str, ...] = field(default=(), repr=False)
    after: tuple[str, ...] = field(default=(), repr=False)

    def row(self) -> Mapping[str, Any]:
        """Spell it as it is kept."""
        return asdict(self)


def effects_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Effect, ...]:
    """Read lines as they were kept."""
    return tuple(
        Effect(**{**row, "before": tuple(row["before"]), "after": tuple(row["after"])})
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Nothing was done. `why` says why there was nothing to do, or less than there might be."""

    effects: tuple[Effect, ...] = ()
    why: str = ""


class Script:
    """Takes down what would be done, step by step."""

    def __init__(self) -> None:
        self._lines: list[Effect] = []

    def __iter__(self) -> Iterator[Effect]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def back_to(self, length: int) -> None:
        """What was taken down since then turned out to rest on a mistake."""
        del self._lines[length:]

    def made(self, step: str, target: str, **parts: str | tuple[str, ...]) -> None:
        """Take down something new, part by part; what is empty is left out."""
        for name, value in parts.items():
            after = (value,) if isinstance(value, str) else value
            self.changed(step, target, name, (), tuple(each for each in after if each))

    def changed(
        self, step: str, target: str, name: str, before: tuple[str, ...], after: tuple[str, ...]
    ) -> None:
        """Take down what a part holds and would hold, unless that is the same."""
        if before != after:
            line = Effect(step=step, target=target, name=name, before=before, after=after)
            self._lines.append(line)
