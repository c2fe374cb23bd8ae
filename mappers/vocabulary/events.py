"""What a webhook can mean. Every reading of every provider is a tuple of these."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from mappers.vocabulary.failures import Failure
from mappers.vocabulary.messages import Message, Origin, Span, Status
from mappers.vocabulary.people import Identity, Operator, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrived:
    """A customer wrote; or, if `message` is outbound, an employee on the company's own phone."""

    message: Message
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom an operator writes to first, as far as the CRM tells.

    `user` is the CRM's id of the customer in this exchange; `source` the id of ours of the channel
    that was chosen, empty when none was.
    """

    user: str = ""
    identities: tuple[Identity, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReplied:
    """An operator answered from inside the CRM.

    `message.conversation` is the CRM's id of the exchange; `ours` is the id that we gave it when
    it was opened, empty when the operator writes first: then `to` says to whom. `recovered` is true
    when the reply was read back from history instead of being told. A reply that was written on a
    card names no exchange: `record` and `deal` say whose card it was, as far as the CRM tells.
    """

    message: Message
    operator: Operator
    ours: str = ""
    to: Addressee | None = None
    recovered: bool = False
    record: str = ""
    deal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """The author changed a message. Later `edited_at` wins, whatever order edits arrive in."""

    origin: Origin
    edited_at: datetime
    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted:
    origin: Origin
    deleted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionChanged:
    """`emoji` is empty when the reaction was taken back."""

    origin: Origin
    author: str
    emoji: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTypes:
    """An operator is writing an answer. It is of no interest after `until`.

    `conversation` and `ours` are as of a reply.
    """

    conversation: str
    until: datetime
    ours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """The channel tells how far one of our messages got; `receipt` is the provider's id of it."""

    receipt: str
    status: Status
    at: datetime
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachabilityChanged:
    """The customer closed or opened the door: blocked the bot, unsubscribed, came back."""

    conversation: str
    reachable: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationMoved:
    """The provider gave a conversation a new id."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRefused:
    """Somebody speaks where we do not serve (a group). `notice` is said there once."""

    conversation: str
    reason: str
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChanged:
    """A contact's record changed in the CRM. `survivor` is where a merged record lives on."""

    record: str
    change: Literal["merged", "deleted", "updated", "restored"]
    survivor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealChanged:
    """A deal was opened, closed, moved or deleted. `pipeline` is empty when it was not told."""

    deal: str
    state: Literal["open", "won", "lost", "deleted"]
    pipeline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """The end of a read-back: every reply of the conversation up to now has been told."""

    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRevoked:
    """The account removed us on its side. `heals`: that may pass, and is looked into."""

    reason: str
    heals: bool = False


Event: TypeAlias = (
    MessageArrived
    | OperatorReplied
    | MessageEdited
    | MessageDeleted
    | ReactionChanged
    | OperatorTypes
    | StatusChanged
    | ReachabilityChanged
    | ConversationMoved
    | ConversationRefused
    | RecordChanged
    | DealChanged
    | HistoryRead
    | AccessRevoked
)
