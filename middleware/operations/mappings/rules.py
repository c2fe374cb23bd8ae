"""Comparing versions, and hiding what a preview shows of customers. Values in, values out."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import unified_diff

from mappers.mapping.engine import after, apply
from mappers.mapping.model import Change, Current, Document, Problem
from mappers.vocabulary import Catalogue, ContactId
from middleware.operations.mappings.model import MappingLine, Previewed, Sample, VersionLine
from middleware.operations.rules import masked_text
from middleware.operations.unfilled.model import MissingTarget

# These hold ids of the account, never words of customers.
SHOWN = frozenset({"pipeline", "stage", "responsible"})


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(each for each in problems if each.level == "error")


def with_missing(line: MappingLine, missing: Iterable[MissingTarget]) -> MappingLine:
    return replace(line, missing=tuple(each for each in missing if each.mapping == line.id))


def difference(older: VersionLine, newer: VersionLine) -> str:
    """What changed between two versions, as `diff -u` spells it; empty when nothing did."""
    return "".join(
        unified_diff(
            _lines(older.document),
            _lines(newer.document),
            f"version {older.number}",
            f"version {newer.number}",
        )
    )


def _lines(document: str) -> list[str]:
    return [f"{line}\n" for line in document.splitlines()]


def previewed(
    document: Document,
    samples: Iterable[tuple[Sample, Previewed]],
    catalogue: Catalogue,
) -> tuple[Previewed, ...]:
    """Apply a document to messages in the order in which they came.

    What it writes for a contact's message is there when that contact's next one comes.
    """
    known: dict[ContactId | None, Current] = {}
    done = []
    for sample, blank in samples:
        current = known.get(sample.contact, Current())
        changes = apply(document, blank.facts, current, catalogue)
        if sample.contact is not None:
            known[sample.contact] = after(current, changes)
        done.append(replace(blank, changes=changes))
    return tuple(done)


def masked(preview: Previewed) -> Previewed:
    """Hide what is a customer's: the facts, and every value that may hold one."""
    return replace(preview, facts={}, changes=tuple(map(_masked, preview.changes)))


def _masked(change: Change) -> Change:
    if change.key in SHOWN:
        return change
    return replace(
        change,
        before=tuple(map(masked_text, change.before)),
        after=tuple(map(masked_text, change.after)),
    )
