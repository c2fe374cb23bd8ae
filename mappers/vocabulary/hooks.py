"""How the outside speaks to us: calls at our door, and the parcels that we keep of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mappers.vocabulary.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One call at our door, as it came.

    `tail` is what follows our address in the path, `raw_query` the query before it was read: some
    sign it. Header names are lower-case. `received_at` is when it came, for those who sign a time.
    """

    method: str
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    tail: str = ""
    raw_query: str = field(default="", repr=False)
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What one account is told by one call: the unit that is stored, deduplicated and read.

    `account` names the connection when one hook serves many; empty means "the one whose address
    this is". `key` must be equal for repeats of the same event and different for different ones.
    `form` tells `read` which of the provider's dialects the body is in. `said_at` is given where
    the provider's hooks may overtake one another: reading waits a moment for those under way and
    follows what was said first.
    """

    key: str
    body: bytes = field(repr=False)
    account: str = ""
    form: str = ""
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What the provider expects to hear once its parcels are safe.

    `policy` is what a page may do, and who may frame it, as Content-Security-Policy spells it.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A call taken apart. A handshake has no parcels and its whole sense in `answer`."""

    parcels: tuple[Parcel, ...] = ()
    answer: HookAnswer = HookAnswer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A parcel as it lies in the inbox: what an adapter reads."""

    body: bytes = field(repr=False)
    form: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a parcel means. `ignored` names what we know and do not relay; it is counted."""

    events: tuple[Event, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What a listener brought: parcels, and where to go on. Both are committed together.

    `again_after`: a provider that answers at once is left alone for so long.
    """

    parcels: tuple[Parcel, ...]
    cursor: str
    again_after: timedelta = timedelta()
