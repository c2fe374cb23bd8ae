"""Reading a document: plain data in, rules out, or everything that is wrong with it at once."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from typing import Any, get_args

from mappers.mapping.model import (
    DOCUMENT_VERSION,
    BadMapping,
    Condition,
    Document,
    Origin,
    Part,
    Problem,
    Rule,
    Scalar,
    Step,
    When,
    Write,
)
from mappers.mapping.sources import SOURCES, closest, source_of
from mappers.mapping.text import read_text
from mappers.mapping.transforms import TRANSFORMS, Argument, Transform

MOST_RULES = 300
WRITES: tuple[Write, ...] = get_args(Write)
ORIGINS = ("source", "first_of", "const", "template")
RULE_KEYS = ("target", *ORIGINS, "transform", "when", "write")
QUESTIONS = ("equals", "in", "empty")
CONDITION_KEYS = ("source", *QUESTIONS, "not")
_PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def read_document(text: str) -> Document:
    """Read a document. Raises: `BadMapping` with every problem that can be told at once."""
    data, lines = read_text(text)
    reader = _Reader(lines)
    rules = reader.rules(data)
    if reader.problems:
        raise BadMapping(tuple(reader.problems))
    return Document(rules=rules, lines=lines)


def digest_of_text(text: str) -> str:
    """Name a document by its content."""
    return sha256(text.encode()).hexdigest()


class _Skip(Exception):
    """A part is wrong, and was said to be: go on with the next one."""


class _Reader:
    def __init__(self, lines: Mapping[str, int]) -> None:
        self._lines = lines
        self.problems: list[Problem] = []

    def wrong(self, where: str, what: str, do: str = "") -> _Skip:
        line = self._lines.get(where, 0)
        found = Problem(level="error", where=where or "document", what=what, do=do, line=line)
        self.problems.append(found)
        return _Skip()

    def rules(self, data: Any) -> tuple[Rule, ...]:
        with suppress(_Skip):
            given = self._mapping(data, "", ("version", "rules"))
            if given.get("version") != DOCUMENT_VERSION:
                self.wrong("version", "The version is missing or unknown.", "Write `version: 1`.")
            listed = self._list(given.get("rules"), "rules")
            if len(listed) > MOST_RULES:
                raise self.wrong("rules", f"There are more than {MOST_RULES} rules.")
            return tuple(self._all(listed, "rules", self._rule))
        return ()

    def _all(self, listed: Iterable[Any], where: str, read: Any) -> Iterable[Any]:
        for position, each in enumerate(listed, 1):
            with suppress(_Skip):
                yield read(each, f"{where}[{position}]")

    def _rule(self, data: Any, where: str) -> Rule:
        given = self._mapping(data, where, RULE_KEYS)
        target = given.get("target")
        if not isinstance(target, str) or not target.strip():
            raise self.wrong(where, "The rule has no target.", "Add `target: contact.name`.")
        before = len(self.problems)
        origin = self._origin(given, where)
        steps = tuple(self._all(_listed(given.get("transform")), f"{where}.transform", self._step))
        when = self._when(given.get("when"), f"{where}.when")
        write = given.get("write")
        if write is not None and write not in WRITES:
            self.wrong(
                f"{where}.write",
                f"“{write}” is not a way to write.",
                f"Choose one of {', '.join(WRITES)}.",
            )
        if len(self.problems) > before:
            raise _Skip
        return Rule(target=target.strip(), origin=origin, steps=steps, when=when, write=write)

    def _origin(self, given: Mapping[str, Any], where: str) -> Origin:
        named = [key for key in ORIGINS if key in given]
        if len(named) != 1:
            what = f"A rule has one value, not {len(named)}."
            self.wrong(where, what, f"Give one of {', '.join(ORIGINS)}.")
            return Origin()
        (key,) = named
        value, inner = given[key], f"{where}.{key}"
        with suppress(_Skip):
            match key:
                case "source":
                    return Origin(sources=(self._source(value, inner),))
                case "first_of":
                    found = self._all(self._list(value, inner), inner, self._source)
                    return Origin(sources=tuple(found))
                case "const":
                    return Origin(const=self._scalar(value, inner))
                case _:
                    return Origin(template=self._template(value, inner))
        return Origin()

    def _source(self, path: Any, where: str) -> str:
        if isinstance(path, str) and source_of(path) is not None:
            return path
        raise self.wrong(where, f"“{path}” is not a source.", closest(str(path), tuple(SOURCES)))

    def _scalar(self, value: Any, where: str) -> Scalar:
        if isinstance(value, str | Decimal | bool) and value != "":
            return value
        raise self.wrong(where, "A text, a number, true or false is expected here.")

    def _template(self, text: Any, where: str) -> tuple[Part, ...]:
        if not isinstance(text, str) or not text:
            raise self.wrong(where, "A template is a text.", 'Such as "{channel.title}".')
        parts, at = [], 0
        for found in _PIECES.finditer(text):
            parts.append(Part(words=text[at : found.start()]))
            at = found.end()
            parts.append(self._piece(found, where))
        parts.append(Part(words=text[at:]))
        return tuple(part for part in parts if part != Part())

    def _piece(self, found: re.Match[str], where: str) -> Part:
        if found[0] in {"{{", "}}"}:
            return Part(words=found[0][0])
        if found[1] is None:
            raise self.wrong(where, "A brace has no partner.", "Double a brace that is meant: {{.")
        return Part(
            sources=tuple(self._source(each.strip(), where) for each in found[1].split("|"))
        )

    def _step(self, data: Any, where: str) -> Step:
        name, given = _named(data)
        transform = TRANSFORMS.get(name)
        if transform is None:
            what = f"“{name}” is not a transform."
            raise self.wrong(where, what, closest(name, tuple(TRANSFORMS)))
        return Step(name, self._arguments(transform, given, f"{where}.{name}", where))

    def _arguments(
        self, transform: Transform, given: Any, where: str, step: str
    ) -> Mapping[str, Any]:
        where = where if where in self._lines else step
        main = next((name for name, one in transform.arguments.items() if one.main), None)
        if given is None:
            given = {}
        elif not isinstance(given, dict) or set(given) - set(transform.arguments):
            if main is None or isinstance(given, dict):
                asked = ", ".join(transform.arguments) or "none"
                raise self.wrong(where, f"“{transform.name}” takes other arguments: {asked}.")
            given = {main: given}
        return {
            name: self._argument(given.get(name), argument, f"{where}.{name}", where)
            for name, argument in transform.arguments.items()
        }

    def _argument(self, given: Any, argument: Argument, where: str, step: str) -> Any:
        where = where if where in self._lines else step
        if given is None:
            if argument.required:
                raise self.wrong(where, f"Something is missing: {argument.about}.")
            return argument.default
        value = _typed(given, argument.kind)
        if value is None:
            raise self.wrong(where, f"This is not what is expected here: {argument.about}.")
        if wrong := argument.judge(value):
            raise self.wrong(where, wrong)
        return value

    def _when(self, data: Any, where: str) -> When:
        if data is None:
            return When()
        with suppress(_Skip):
            given = self._mapping(data, where, ("all", "any", *CONDITION_KEYS))
            modes = [mode for mode in ("all", "any") if mode in given]
            if not modes:
                return When(conditions=(self._condition(data, where),))
            if len(given) > 1:
                raise self.wrong(where, "Either all or any, and nothing beside it.")
            inner = f"{where}.{modes[0]}"
            asked = tuple(self._all(self._list(given[modes[0]], inner), inner, self._condition))
            return When(mode="any" if modes[0] == "any" else "all", conditions=asked)
        return When()

    def _condition(self, data: Any, where: str) -> Condition:
        given = self._mapping(data, where, CONDITION_KEYS)
        source = self._source(given.get("source"), f"{where}.source")
        negated = given.get("not", False)
        asked = [key for key in QUESTIONS if key in given]
        if len(asked) != 1 or not isinstance(negated, bool):
            do = f"Give one of {', '.join(QUESTIONS)}, and `not: true` to turn it round."
            raise self.wrong(where, "A condition asks one question.", do)
        value, inner = given[asked[0]], f"{where}.{asked[0]}"
        if asked[0] == "empty":
            if not isinstance(value, bool):
                raise self.wrong(inner, "`empty` is true or false.")
            return Condition(source=source, negated=negated != (not value))
        listed = self._list(value, inner) if asked[0] == "in" else [value]
        among = tuple(self._scalar(each, inner) for each in listed)
        return Condition(source=source, among=among, negated=negated)

    def _mapping(self, data: Any, where: str, known: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            do = f"It has {', '.join(known)}."
            raise self.wrong(where, "Names with values are expected here.", do)
        for name in data:
            if name not in known:
                inner = f"{where}.{name}" if where else name
                self.wrong(inner, f"“{name}” means nothing here.", closest(name, known))
        return data

    def _list(self, data: Any, where: str) -> list[Any]:
        if isinstance(data, list) and data:
            return data
        raise self.wrong(where, "A list with something in it is expected here.")


def _listed(data: Any) -> list[Any]:
    if data is None:
        return []
    return data if isinstance(data, list) else [data]


def _named(data: Any) -> tuple[str, Any]:
    if isinstance(data, dict) and len(data) == 1:
        return next(iter(data.items()))
    return str(data), None


def _typed(given: Any, kind: type) -> Any:
    """Return what was written as the type that is asked for; None when it is another one."""
    if kind is int:
        is_whole = isinstance(given, Decimal) and given == given.to_integral_value()
        return int(given) if is_whole else None
    if kind is dict:
        if not isinstance(given, dict):
            return None
        texts = {name: _typed(value, str) for name, value in given.items()}
        return None if None in texts.values() else texts
    if isinstance(given, Decimal):
        return str(given)
    return given if isinstance(given, str) else None
