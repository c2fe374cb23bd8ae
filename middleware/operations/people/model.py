"""Contacts as they stand while somebody decides about them, and what a decision moves."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.webhooks.keys import digest_of


class Verdict(StrEnum):
    """What a person says about a claim: one person, or two who share something."""

    SAME = "same"
    DIFFERENT = "different"


class JoinKind(StrEnum):
    LINK = "link"
    UNLINK = "unlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """`again`: even if what two have in common is shared by many. `preview`: nothing is written."""

    again: bool = False
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentity:
    kind: str
    value: str = field(repr=False)

    @property
    def name(self) -> str:
        """What it is called where the value itself must not be kept."""
        return f"{self.kind}:{digest_of(self.value).hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation. `thread` is the contact whose lane it uses, where that is another one."""

    id: ConversationId
    connection: ConnectionId
    provider: str
    external: str = field(repr=False)
    thread: ContactId | None = None

    @property
    def brought_by(self) -> str:
        """The channel's own identity of whoever writes there."""
        return f"{self.provider}:{self.external}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAt:
    connection: ConnectionId
    title: str
    record: str
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DealAt:
    connection: ConnectionId
    deal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedAt:
    """A delivery that is not settled."""

    id: DeliveryId
    target: ConnectionId
    kind: DeliveryKind
    state: DeliveryState
    subject: UUID
    conversation: ConversationId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAt:
    """`claimants` counts the contacts that ever claimed the identity."""

    id: UUID
    contact: ContactId
    holder: ContactId
    identity: KnownIdentity
    decision: str
    claimants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One contact as it stands. `claims`: its own ones, and those on what it holds."""

    id: ContactId
    identities: tuple[KnownIdentity, ...] = ()
    talks: tuple[Talk, ...] = ()
    records: tuple[RecordAt, ...] = ()
    deals: tuple[DealAt, ...] = ()
    owed: tuple[OwedAt, ...] = ()
    claims: tuple[ClaimAt, ...] = ()

    def record_in(self, connection: ConnectionId) -> RecordAt | None:
        return next((at for at in self.records if at.connection == connection), None)

    def lives_in(self, connection: ConnectionId) -> bool:
        at = self.record_in(connection)
        return at is not None and at.live


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What goes from one contact to another, by ids; identities by kind and digest.

    `threads`: conversations that go on in the lane of the contact that they leave. `claims` change
    their claimant, `holds` their holder, `decided` are settled by it. `dropped`: records that the
    contact is not tied to any more.
    """

    identities: tuple[str, ...] = ()
    conversations: tuple[ConversationId, ...] = ()
    threads: tuple[ConversationId, ...] = ()
    records: tuple[tuple[ConnectionId, str], ...] = ()
    deals: tuple[tuple[ConnectionId, str], ...] = ()
    deliveries: tuple[DeliveryId, ...] = ()
    claims: tuple[UUID, ...] = ()
    holds: tuple[UUID, ...] = ()
    decided: tuple[UUID, ...] = ()
    dropped: tuple[tuple[ConnectionId, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRow:
    """What was done once: `moved` went to `kept` by a link, away from it by an unlink."""

    id: UUID
    kind: JoinKind
    kept: ContactId
    joined: ContactId | None
    moved: Moves
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChoice:
    """One CRM's records of both contacts; `used` is the one that is written to from now on."""

    connection: ConnectionId
    title: str
    kept: str
    joined: str
    used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What was moved, or would be. `id` undoes it; None when nothing was written.

    `stays` names what an undo leaves where it is, because it has moved on since. Identities are
    masked.
    """

    id: UUID | None
    kind: JoinKind
    preview: bool
    kept: ContactId
    joined: ContactId | None
    identities: tuple[str, ...] = ()
    conversations: tuple[ConversationId, ...] = ()
    deliveries: int = 0
    claims: int = 0
    records: tuple[RecordChoice, ...] = ()
    stays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A contact as the queue shows it, its name masked."""

    id: ContactId
    name: str
    conversations: int
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLine:
    """A question of the queue: is `contact`, who showed it, the same person as `holder`?

    `value` is masked. `shared`: so many contacts claim it that it says little about any two.
    """

    id: UUID
    kind: str
    value: str
    evidence: str
    at: datetime
    claimants: int
    shared: bool
    contact: Who
    holder: Who


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of a claim. `join` says what moved, or would; None where nothing does."""

    claim: UUID
    verdict: Verdict
    preview: bool
    join: Joined | None = None
