"""What a trace tells: values as they were found; `rules.masked` hides what is customers' own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from mappers.vocabulary import ConnectionId, ContactId, ConversationId, DeliveryId, MessageId
from middleware.operations.deliveries.model import DeliveryLine
from middleware.outbox.effects import Effect

SubjectKind = Literal["delivery", "message", "conversation", "contact", "arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was asked about, and what of it is known by itself."""

    kind: SubjectKind
    messages: tuple[MessageId, ...] = ()
    conversation: ConversationId | None = None
    contact: ContactId | None = None
    delivery: DeliveryId | None = None
    arrival: int | None = None

    @property
    def name(self) -> str:
        """What the audit log calls it: one of our own ids, never a provider's."""
        known = (self.delivery, *self.messages, self.conversation, self.contact)
        own = next((id_ for id_ in known if id_ is not None), None)
        return f"#{self.arrival}" if own is None else str(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalTrace:
    """A parcel as it came. `means` names its events; `body` is there for those who may see it."""

    connection: ConnectionId
    title: str
    arrival: int
    form: str
    state: str
    note: str
    tries: int
    received_at: datetime
    means: tuple[str, ...] = ()
    body: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityTrace:
    kind: str
    value: str = field(repr=False)
    evidence: str
    confidence: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTrace:
    """An identity that this person showed, and that is another contact's."""

    kind: str
    value: str = field(repr=False)
    evidence: str
    holder: ContactId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTrace:
    """The person's record in one CRM, and why we hold it to be theirs."""

    connection: ConnectionId
    title: str
    record: str
    state: str
    evidence: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DealTrace:
    connection: ConnectionId
    title: str
    deal: str
    record: str
    state: str
    evidence: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTrace:
    """A link or an unlink that a person made, and whether it was undone."""

    id: UUID
    kind: str
    kept: ContactId
    joined: ContactId | None
    by: str
    at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTrace:
    """Who we decided it was, and why."""

    id: ContactId
    name: str = field(repr=False)
    created_at: datetime
    identities: tuple[IdentityTrace, ...] = ()
    claims: tuple[ClaimTrace, ...] = ()
    links: tuple[LinkTrace, ...] = ()
    deals: tuple[DealTrace, ...] = ()
    joins: tuple[JoinTrace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterpartTrace:
    """What a CRM calls the conversation, and what we call it there."""

    connection: ConnectionId
    title: str
    external: str
    ours: str
    record: str
    opened_at: datetime
    behind_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTrace:
    id: ConversationId
    connection: ConnectionId
    title: str
    external: str
    contact: ContactId | None
    reachable: bool
    created_at: datetime
    counterparts: tuple[CounterpartTrace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTrace:
    """Under which id one side knows a message; a part has a number of its own."""

    connection: ConnectionId
    title: str
    name: str
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTrace:
    kind: str
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTrace:
    """One try at a delivery, with what was exchanged, redacted as it is kept.

    `effects` are what a rehearsal would have done.
    """

    number: int
    purpose: str
    outcome: str
    code: str
    started_at: datetime
    duration_ms: int
    exchanges: tuple[Mapping[str, Any], ...]
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTrace:
    """What became of one rule of a mapping: never the value itself."""

    rule: int
    target: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTrace:
    """The version of a mapping that a delivery was made by, and what it did.

    `missing` are targets that the CRM does not have: their values wait.
    """

    id: UUID
    name: str
    version: int
    places: tuple[PlaceTrace, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryTrace:
    line: DeliveryLine
    attempts: tuple[AttemptTrace, ...]
    mapping: MappingTrace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTrace:
    id: MessageId
    conversation: ConversationId
    connection: ConnectionId
    title: str
    direction: str
    status: str
    operator: str
    sent_at: datetime
    recorded_at: datetime
    origin: str
    text: str = field(repr=False)
    attachments: tuple[str, ...] = ()
    names: tuple[NameTrace, ...] = ()
    facts: tuple[FactTrace, ...] = ()
    deliveries: tuple[DeliveryTrace, ...] = ()
    arrival: ArrivalTrace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything about one subject. Messages are in the order they were sent."""

    subject: SubjectKind
    arrival: ArrivalTrace | None = None
    contact: ContactTrace | None = None
    conversations: tuple[ConversationTrace, ...] = ()
    messages: tuple[MessageTrace, ...] = ()
    deliveries: tuple[DeliveryTrace, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """A parcel's bytes with what is kept beside them."""

    trace: ArrivalTrace
    digest: bytes
    content: bytes = field(repr=False)


Ids = tuple[UUID, ...]
