"""What the twin remembers: the rows of `middleware.db.tables`, in the vocabulary's own words."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    Direction,
    Identity,
    IdentityKind,
    Message,
    MessageId,
    Person,
    RouteId,
    Status,
    WorkspaceId,
)
from middleware.simulation.twin.owed import (
    Delivery,
    DutyKey,
    Lane,
    NotedAttempt,
    begins,
    duty_key,
    in_flight,
    parked,
    ready,
    waits_after,
)
from middleware.simulation.twin.tables import Table
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    InboxState,
    LinkRow,
    MessageRow,
    OpenedRow,
    Pinned,
    Purpose,
    RouteRow,
)

LaneKey: TypeAlias = tuple[ConnectionId, str]
ParcelKey: TypeAlias = tuple[ConnectionId, bytes]
LeaseKey: TypeAlias = tuple[ConnectionId, Purpose]
IdentityKey: TypeAlias = tuple[WorkspaceId, IdentityKind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    id: ConnectionId
    workspace: WorkspaceId
    kind: Literal["channel", "crm"]
    provider: str
    account: str
    title: str = ""
    state: str = "active"
    reason: str = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The last sign of life; `database` tells a restored one from the one it was left in."""

    at: datetime
    database: int
    restored_at: datetime | None = None
    lost_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    connection: ConnectionId
    purpose: Purpose
    owner: str
    epoch: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A row of the inbox. `body` is None once it was forgotten; the digest stays."""

    connection: ConnectionId
    digest: bytes
    arrival: int
    form: str
    body: bytes | None = field(repr=False)
    received_at: datetime
    said_at: datetime | None = None
    state: InboxState = "new"
    awaits: str = ""
    note: str = ""
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """`looks` is the person as last seen; who they are stands in the identities."""

    id: ContactId
    workspace: WorkspaceId
    looks: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentity:
    """`number` counts identities up, so that a contact's are always listed in one order."""

    workspace: WorkspaceId
    identity: Identity
    contact: ContactId
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An identity that `contact` showed and that belongs to `holder`: somebody's to review."""

    contact: ContactId
    identity: Identity
    holder: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLink:
    contact: ContactId
    connection: ConnectionId
    link: LinkRow


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDeal:
    connection: ConnectionId
    contact: ContactId
    deal: DealRow
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOperator:
    connection: ConnectionId
    id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingVersion:
    pinned: Pinned
    name: str
    document: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledPlace:
    connection: ConnectionId
    card: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLink:
    conversation: ConversationId
    connection: ConnectionId
    opened: OpenedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message. `content` is None once it was forgotten."""

    id: MessageId
    workspace: WorkspaceId
    connection: ConnectionId
    conversation: ConversationId
    content: Message | None
    direction: Direction
    sent_at: datetime
    is_reply: bool
    operator: str
    status: Status
    planned: bool

    def row(self) -> MessageRow:
        return MessageRow(
            id=self.id,
            workspace=self.workspace,
            connection=self.connection,
            conversation=self.conversation,
            status=self.status,
            sent_at=self.sent_at,
            is_reply=self.is_reply,
            planned=self.planned,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A provider's name for a message. `name` is None once it was forgotten; the digest stays."""

    connection: ConnectionId
    digest: bytes
    name: str | None
    message: MessageId
    part: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFact:
    message: MessageId
    kind: str
    fact: Fact


def identity_key(workspace: WorkspaceId, identity: Identity) -> IdentityKey:
    return workspace, identity.kind, identity.value


class Tables:
    """Every table, with the keys that PostgreSQL holds unique and the indexes that are used."""

    def __init__(self) -> None:
        self.connections: Table[ConnectionId, Connection] = Table("connections", lambda c: c.id)
        self.leases: Table[LeaseKey, HeldLease] = Table(
            "leases", lambda each: (each.connection, each.purpose)
        )
        self.pulses: Table[int, Pulse] = Table("pulses", lambda _: 1)
        self.routes: Table[RouteId, RouteRow] = Table(
            "routes",
            lambda route: route.id,
            source=lambda route: route.source,
            target=lambda route: route.target,
        )
        self.inbox: Table[ParcelKey, Parcel] = Table(
            "inbox",
            lambda parcel: (parcel.connection, parcel.digest),
            unread=lambda p: p.connection if p.state == "new" else None,
            waiting=lambda p: (p.connection, p.awaits) if p.state == "waiting" else None,
        )
        self._people()
        self._messages()
        self._outbox()

    def all(self) -> tuple[Table[Any, Any], ...]:
        return tuple(vars(self).values())

    def _people(self) -> None:
        self.contacts: Table[ContactId, Contact] = Table("contacts", lambda each: each.id)
        self.identities: Table[IdentityKey, KnownIdentity] = Table(
            "identities",
            lambda known: identity_key(known.workspace, known.identity),
            contact=lambda known: known.contact,
        )
        self.claims: Table[tuple[ContactId, IdentityKind, str], Claim] = Table(
            "claims", lambda claim: (claim.contact, claim.identity.kind, claim.identity.value)
        )
        self.contact_links: Table[tuple[ContactId, ConnectionId], ContactLink] = Table(
            "contact_links",
            lambda each: (each.contact, each.connection),
            record=lambda each: (each.connection, each.link.record) if each.link.live else None,
        )
        self.operators: Table[tuple[ConnectionId, str], KnownOperator] = Table(
            "operators", lambda known: (known.connection, known.id)
        )
        self.deals: Table[tuple[ConnectionId, str], KnownDeal] = Table(
            "deals",
            lambda known: (known.connection, known.deal.deal),
            contact=lambda known: (known.contact, known.connection),
        )
        self.mapping_versions: Table[tuple[UUID, int], MappingVersion] = Table(
            "mapping_versions", lambda each: (each.pinned.mapping, each.pinned.version)
        )
        self.filled_places: Table[tuple[ConnectionId, str, str], FilledPlace] = Table(
            "filled_places",
            lambda each: (each.connection, each.card, each.key),
            card=lambda each: (each.connection, each.card),
        )

    def _messages(self) -> None:
        self.conversations: Table[tuple[ConnectionId, str], ConversationRow] = Table(
            "conversations",
            lambda row: (row.connection, row.external),
            id=lambda row: row.id,
            contact=lambda row: row.contact,
        )
        self.conversation_links: Table[tuple[ConversationId, ConnectionId], ConversationLink] = (
            Table(
                "conversation_links",
                lambda each: (each.conversation, each.connection),
                connection=lambda each: each.connection,
                external=lambda each: (each.connection, each.opened.opened.id),
                ours=lambda each: (each.connection, each.opened.ours),
            )
        )
        self.messages: Table[MessageId, Said] = Table(
            "messages",
            lambda said: said.id,
            conversation=lambda said: said.conversation,
            unplanned=lambda said: None if said.planned else said.conversation,
        )
        self.names: Table[tuple[ConnectionId, bytes], Name] = Table(
            "names",
            lambda name: (name.connection, name.digest),
            message=lambda name: (name.connection, name.message),
        )
        self.facts: Table[tuple[MessageId, str, int], KnownFact] = Table(
            "facts",
            lambda known: (known.message, known.kind, known.fact.revision),
            message=lambda known: (known.message, known.kind),
        )
        self.files: Table[tuple[MessageId, int], FileRow] = Table(
            "files", lambda file: (file.message, file.position), message=lambda file: file.message
        )

    def _outbox(self) -> None:
        self.lanes: Table[LaneKey, Lane] = Table(
            "lanes",
            lambda lane: (lane.target, lane.key),
            id=lambda lane: lane.id,
            due=lambda lane: None if lane.due_at is None else lane.target,
        )
        self.deliveries: Table[DutyKey, Delivery] = Table(
            "deliveries",
            lambda delivery: duty_key(delivery.duty),
            id=lambda delivery: delivery.id,
            place=lambda delivery: (delivery.lane, delivery.seq),
            duty=lambda each: (each.duty.target, each.duty.kind, each.duty.subject),
            ready=ready,
            message=lambda each: each.duty.message,
            after=waits_after,
            in_flight=in_flight,
            parked=parked,
            unfinished=begins,
        )
        self.attempts: Table[tuple[DeliveryId, int, datetime], NotedAttempt] = Table(
            "attempts", lambda noted: (noted.delivery, noted.number, noted.attempt.started_at)
        )
