"""Comparing versions, and hiding what a preview shows of customers. Values in, values out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import unified_diff

from crm_clients.contract import CreatesTasks
from mappers.mapping.document import read_document
from mappers.mapping.engine import after, apply
from mappers.mapping.model import BadMapping, Change, Current, Document, Problem
from mappers.vocabulary import Catalogue, ContactId
from middleware.fields.ability import can_fill
from middleware.fields.rules import TASK
from middleware.operations.mappings.model import MappingLine, Previewed, Sample, VersionLine
from middleware.operations.rules import masked_text
from middleware.operations.unfilled.model import MissingTarget

# These hold ids of the account, never words of customers.
SHOWN = frozenset({"pipeline", "stage", "responsible"})


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(each for each in problems if each.level == "error")


def with_missing(line: MappingLine, missing: Iterable[MissingTarget]) -> MappingLine:
    return replace(line, missing=tuple(each for each in missing if each.mapping == line.id))


def problems_of_crm(text: str, crm: object) -> tuple[Problem, ...]:
    """Say what a document asks of a CRM that it cannot do."""
    try:
        document = read_document(text)
    except BadMapping:
        return ()
    tasks = [n for n, rule in enumerate(document.rules, 1) if rule.target == TASK]
    found = []
    if not can_fill(crm):
        what = "This CRM holds no fields: nothing would be written."
        found.append(Problem(level="error", where="account", what=what, do=""))
    if not isinstance(crm, CreatesTasks):
        what = "This CRM cannot be given tasks: the rule would make none."
        found += [_of_rule(document, number, what) for number in tasks]
    return tuple(found)


def _of_rule(document: Document, number: int, what: str) -> Problem:
    where = f"rules[{number}]"
    line = document.lines.get(where, 0)
    return Problem(level="error", where=where, what=what, do="Leave it out.", line=line)


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
    held: Mapping[ContactId, Current],
) -> tuple[Previewed, ...]:
    """Apply a document to messages in the order in which they came.

    `held` is what the CRM's cards of some contacts hold. What the document writes for a contact's
    message is there when that contact's next one comes.
    """
    known = dict(held)
    done = []
    for sample, blank in samples:
        contact = sample.contact
        current = Current() if contact is None else known.get(contact, Current())
        changes = apply(document, blank.facts, current, catalogue)
        if contact is not None:
            known[contact] = after(current, changes)
        done.append(replace(blank, changes=changes, known=contact in held))
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
