"""Mappings as they are kept and shown, and what is said when one is refused."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mappers.mapping.model import Change, Facts, Problem
from mappers.vocabulary import ContactId, Message, MessageId, Person
from middleware.errors import BadRequest
from middleware.operations.unfilled.model import MissingTarget


class BadDocument(BadRequest):
    """A document with errors. Its text is every problem, a line each."""

    code = "mapping.refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingLine:
    """A mapping. `active` is the number of the version in force; None before the first.

    `missing` are targets that a CRM does not have, with what waits for them.
    """

    id: UUID
    name: str
    active: int | None
    previous: int | None
    versions: int
    routes: int
    created_at: datetime
    missing: tuple[MissingTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One version, which never changes. `digest` is the SHA-256 of its document."""

    number: int
    digest: str
    author: str
    created_at: datetime
    document: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message that came, with whom it came from; `is_new` when nothing came of them before."""

    id: MessageId
    message: Message
    contact: ContactId | None
    person: Person | None
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a document does with facts, beside what is wrong with it."""

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """What a document would do with one message that came.

    `known` says that what was there before was read from the CRM's own cards.
    """

    message: MessageId
    sent_at: datetime
    facts: Facts = field(repr=False)
    changes: tuple[Change, ...]
    known: bool = False
