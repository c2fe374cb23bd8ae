"""What a mapping document is made of, once it has been read, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "number", "boolean", "date", "moment", "texts"]
Scalar: TypeAlias = str | Decimal | bool
Value: TypeAlias = Scalar | datetime | tuple[str, ...]
Facts: TypeAlias = Mapping[str, Value]
Write: TypeAlias = Literal["always", "if_empty", "once"]
Level: TypeAlias = Literal["error", "warning"]

DOCUMENT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a document: where, what, and what to do about it.

    `where` is a path such as `rules[2].source`; `line` counts from 1, and 0 is unknown.
    """

    level: Level
    where: str
    what: str
    do: str
    line: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}, {self.where}" if self.line else self.where
        return f"{place}: {self.what} {self.do}".strip()


class BadMapping(ValueError):
    """A document that cannot be read. `problems` are all there are, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Step:
    """A transform by name, with its arguments, all of them filled in."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A question about one source. `equals` is the case of `among` that has one member.

    Shape: `among` is None when the question is whether the source is empty.
    """

    source: str
    among: tuple[Scalar, ...] | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Every condition has to hold, or any of them. None at all always holds."""

    mode: Literal["all", "any"] = "all"
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a template: words as they are, or the first of some sources that says anything."""

    words: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a rule takes its value from. Shape: exactly one of the three is given."""

    sources: tuple[str, ...] = ()
    const: Scalar | None = None
    template: tuple[Part, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Every source that has a say in the value."""
        return (*self.sources, *(path for part in self.template for path in part.sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a mapping. `write` is None when the target's own default is meant."""

    target: str
    origin: Origin
    steps: tuple[Step, ...] = ()
    when: When = field(default_factory=When)
    write: Write | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mapping. `lines` tells where in the text a path of the document begins."""

    rules: tuple[Rule, ...]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)


Outcome: TypeAlias = Literal[
    "written", "same", "if_empty", "once", "when", "empty", "no_such", "no_deal"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one rule does, and why it does not.

    `key` names the place in the CRM; `before` and `after` are what it holds, as canonical text:
    ids of choices, ISO dates, plain numbers. `rule` counts from 1. `why` is a sentence.
    """

    target: str
    key: str
    rule: int
    outcome: Outcome
    before: tuple[str, ...] = field(default=(), repr=False)
    after: tuple[str, ...] = field(default=(), repr=False)
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What a record, its deal and their tasks hold by key, and what a mapping ever wrote there."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    written: frozenset[str] = frozenset()
