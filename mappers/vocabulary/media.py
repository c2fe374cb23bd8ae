"""Files on their way: fetched from one side, kept by the hub, handed to the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mappers.vocabulary.messages import AttachmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """What a provider handed out. `name` and `mime` are its word: unchecked, perhaps empty."""

    body: bytes = field(repr=False)
    name: str = field(default="", repr=False)
    mime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file that the hub keeps, for an adapter to pass on.

    `url` is an address of ours under which the provider may fetch it for as long as it lives;
    `read` brings the bytes, for a provider that wants them uploaded. `mime` was sniffed, and
    `name` is never empty and holds no path.
    """

    kind: AttachmentKind
    name: str = field(repr=False)
    mime: str
    size_bytes: int
    url: str = field(repr=False)
    read: Callable[[], Awaitable[bytes]] = field(repr=False)
    duration_s: int | None = None
