"""YAML as mapping documents use it: plain data, and the line of every part of it.

Words are words: only `true`, `false`, `null` and plain numbers mean anything else, so `no`, `08:00`
and `+79…` stay as they are written. No tags, anchors or references, and no depth to get lost in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from mappers.mapping.model import BadMapping, Problem

LARGEST_DOCUMENT = 65_536
DEEPEST = 8
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class _Reader:
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value(self, node: yaml.Node, where: str) -> Any:
        self.lines.setdefault(where, node.start_mark.line + 1)
        match node:
            case yaml.ScalarNode():
                return _scalar(node)
            case yaml.SequenceNode():
                return [
                    self.value(each, f"{where}[{position}]")
                    for position, each in enumerate(node.value, 1)
                ]
            case yaml.MappingNode():
                return dict(self._pairs(node, where))
            case _:
                return None

    def _pairs(self, node: yaml.MappingNode, where: str) -> Iterator[tuple[str, Any]]:
        known: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            inner = f"{where}.{name}" if where else name
            line = key.start_mark.line + 1
            if not name or name in known:
                what = f"“{name}” is here twice." if name else "A name is a word."
                self._wrong(inner or where, what, line)
                continue
            known.add(name)
            self.lines[inner] = line
            yield name, self.value(value, inner)

    def _wrong(self, where: str, what: str, line: int) -> None:
        self.problems.append(Problem(level="error", where=where, what=what, do="", line=line))


def read_text(text: str) -> tuple[Any, dict[str, int]]:
    """Return the data of a YAML document and the line of each path. Raises: `BadMapping`."""
    reader = _Reader()
    node = _composed(text)
    data = None if node is None else reader.value(node, "")
    if reader.problems:
        raise BadMapping(tuple(reader.problems))
    return data, reader.lines


def _composed(text: str) -> yaml.Node | None:
    if len(text) > LARGEST_DOCUMENT:
        raise _refused(f"A document has at most {LARGEST_DOCUMENT} characters.")
    depth = 0
    try:
        # Told apart from the composing, which loses itself in depths and in references.
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _refused("References (& and *) are not used here: write it out.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise _refused("This is nested too deeply.")
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _refused(f"This is not YAML: {error.problem or error.context}.", line) from None
    except yaml.YAMLError:
        raise _refused("This is not YAML.") from None


def _refused(what: str, line: int = 0) -> BadMapping:
    return BadMapping((Problem(level="error", where="document", what=what, do="", line=line),))


def _scalar(node: yaml.ScalarNode) -> str | Decimal | bool | None:
    written: str = node.value
    if node.style is not None:
        return written
    if written in _WORDS:
        return _WORDS[written]
    return Decimal(written) if _NUMBER.fullmatch(written) else written
