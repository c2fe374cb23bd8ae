"""What a CRM holds: records (contacts as it knows them), deals, and entries on the timeline."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from mappers.vocabulary.media import MediaFile
from mappers.vocabulary.messages import Message, Status
from mappers.vocabulary.people import Operator, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A contact as one CRM account shows it. `marker` is the key that we created it under."""

    id: str
    name: str = field(default="", repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    emails: tuple[str, ...] = field(default=(), repr=False)
    marker: str = ""
    responsible: str = ""
    deals: tuple[str, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDraft:
    """A contact to be created. Phones are E.164, e-mails lower-case.

    `responsible` is the CRM's id of a user; empty leaves it to the CRM.
    """

    name: str = field(repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    emails: tuple[str, ...] = field(default=(), repr=False)
    responsible: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    id: str
    state: Literal["open", "won", "lost", "deleted"]
    title: str = field(default="", repr=False)
    pipeline: str = ""
    marker: str = ""
    created_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DealDraft:
    """A deal to be opened for `record`. What is empty is left to the CRM."""

    record: str
    title: str = field(repr=False)
    pipeline: str = ""
    stage: str = ""
    responsible: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """Something for an employee to do about a deal or, without one, about a record.

    An empty `responsible` means whoever is responsible for what the task is about.
    """

    record: str
    text: str = field(repr=False)
    due_at: datetime
    deal: str = ""
    responsible: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedConversation:
    """`id` and `user` are the CRM's ids of the exchange and of the customer in it."""

    id: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A conversation to be known to the CRM, tied to a record before anything is said in it.

    `ours` is the id under which the CRM will name it back to us. `source` is empty where the CRM
    knows no sources. `begun` is set for one that the CRM began itself: it is only tied. `user` is
    the CRM's id of the customer where an entry has told it: the tie is made by that. `deal` is the
    person's open deal: what the CRM has on its timeline of this conversation belongs there, too.
    """

    ours: str
    record: str
    person: Person
    source: str = ""
    begun: OpenedConversation | None = None
    user: str = ""
    deal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A channel that leads to the CRM, as the CRM lists it.

    `id` is ours, at most 36 characters of printable ASCII. An empty `pipeline` leaves the choice to
    the CRM.
    """

    id: str
    title: str = field(repr=False)
    pipeline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message on its way to the timeline.

    `key` is ours, stable over every attempt, and findable again. `source` is as of an `Opening`,
    `quoted` is the CRM's id of the quoted message when we know it. `tells_ours`: the CRM began the
    conversation itself and learns `ours`, and the customer's id, by this entry. `quiet` asks the
    CRM to open no deal of its own and to notify nobody. `author` is set when an employee wrote on
    the company's own phone. `file` is the one that this entry shows, with `text` as its caption; a
    message with several has several entries. `channel` is the title of the channel that it came by;
    `deal` is the person's open deal.
    """

    key: str
    conversation: OpenedConversation
    ours: str
    record: str
    person: Person
    message: Message
    text: str = field(repr=False)
    quoted: str = ""
    source: str = ""
    tells_ours: bool = False
    quiet: bool = False
    author: Operator | None = None
    file: MediaFile | None = None
    channel: str = ""
    deal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What the customer feels about a message. `message` is the CRM's id of it.

    `emoji` is empty when it was taken back.
    """

    message: str
    conversation: OpenedConversation
    person: Person
    emoji: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """How far the operator's reply got. `reply` is the CRM's id of the reply.

    `words` is what the operator reads when it failed or is in doubt.
    """

    reply: str
    conversation: OpenedConversation
    status: Status
    words: str = field(default="", repr=False)
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A word to operators beside a reply of theirs, whose id in the CRM is `reply`."""

    key: str
    reply: str
    conversation: OpenedConversation
    words: str = field(repr=False)


FieldKind: TypeAlias = Literal["text", "number", "boolean", "date", "moment", "choice", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the account's own catalogue, as mappings name it.

    `type` is the CRM's word for what it holds and `kind` is ours; nothing of the kind `other` can
    be written by a mapping. `choices` are ids with labels.
    """

    id: str
    title: str
    entity: Literal["contact", "deal"]
    type: str
    code: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    kind: FieldKind = "text"
    read_only: bool = False
    multiple: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    id: str
    title: str
    stages: tuple[tuple[str, str], ...]
    is_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What an account has to offer a mapping. Read rarely, cached, never on the hot path.

    `zone` is the account's own, as the tz database names it. Not every CRM has `tagged` deals.
    """

    pipelines: tuple[Pipeline, ...] = ()
    operators: tuple[Operator, ...] = ()
    fields: tuple[Field, ...] = ()
    tags: tuple[str, ...] = ()
    zone: str = "UTC"
    tagged: bool = True
