"""What was said, by whom, and where: the nouns every package shares."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Status(StrEnum):
    """How far an outbound message got. `FAILED` is final; the others only ever rise."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """Order in which statuses may replace each other."""
        return _STATUS_ORDER.index(self)


_STATUS_ORDER = (Status.QUEUED, Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED)


class AttachmentKind(StrEnum):
    IMAGE = "image"
    FILE = "file"
    VOICE = "voice"
    AUDIO = "audio"
    VIDEO = "video"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message was first written down, and under which name.

    Two origins are equal only when the provider means the same message, so the adapter must
    widen ids that repeat: Telegram numbers messages per chat and writes `"<chat>:<message>"`.
    """

    provider: str
    account: str
    message: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.account}/{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the map, in degrees (WGS 84)."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Somebody's visiting card. The phone is as the sender's book spells it."""

    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something shown rather than said.

    `handle` is the provider's own reference, which only its adapter can turn into bytes;
    it may carry a token and is never shown; empty means that there is no file. `title` is what
    an honest line of text says: a file's name, an address, a sticker's emoji. `place` belongs to
    `LOCATION` and `card` to `CONTACT`.
    """

    kind: AttachmentKind
    handle: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    mime: str = ""
    size_bytes: int | None = None
    duration_s: int | None = None
    place: Place | None = None
    card: Card | None = None


class SpanKind(StrEnum):
    BOLD = "bold"
    ITALIC = "italic"
    UNDERLINE = "underline"
    STRIKE = "strike"
    CODE = "code"
    PRE = "pre"
    QUOTE = "quote"
    SPOILER = "spoiler"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Formatting of `text[start:end]`. Units: code points. `url` belongs to `LINK` only."""

    kind: SpanKind
    start: int
    end: int
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The message that this one answers. `text` is the quoted part, when the provider tells it."""

    origin: Origin
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A choice under a message. Pressed, it says its label; with a `url` it opens that instead."""

    label: str = field(repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """How the customer came: a deep link's payload, an advert, a page."""

    payload: str = ""
    referral: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One utterance, in either direction, in nobody's dialect.

    A channel adapter builds it from a webhook, a CRM adapter from an operator's reply; after
    that nothing edits it, and corrections arrive as new facts.

    Shape: `text` may be empty only if `attachments` is not. `buttons` are rows, from the top.
    `conversation` is the external id of the exchange on the provider that `origin` names.
    Units: `sent_at` is an aware UTC datetime, the provider's clock, not ours.
    """

    origin: Origin
    conversation: str
    author: str
    direction: Direction
    sent_at: datetime
    text: str = field(default="", repr=False)
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    quote: Quote | None = None
    forwarded_from: str = field(default="", repr=False)
    entry_point: EntryPoint | None = None
    automatic: bool = False

    def __post_init__(self) -> None:
        if self.sent_at.utcoffset() is None:
            raise ValueError("sent_at must carry a time zone")
        if not self.text and not self.attachments:
            raise ValueError("a message says or shows something")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider's ids for what it accepted, and how far that proves the message got.

    Shape: the first id is the one later statuses, edits and quotes will name.
    `user` is a CRM's own id of the customer, where it gives one only once something was said.
    """

    provider_ids: tuple[str, ...]
    status: Status = Status.SENT
    user: str = ""
