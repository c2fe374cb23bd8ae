"""What a channel owes the hub. Read this first.

Three methods are owed (`read`, `check`, `send`), a door, and a manifest. Everything else is an
ability: implement the protocol and the hub will use it. Nothing here retries, sleeps, logs or
tells the time; a failure is raised as `ProviderError` and the outbox decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from mappers.vocabulary import AttachmentKind, Outgoing, Receipt, Status
from mappers.vocabulary.adapters import Adapter, Manifest

TextUnit = Literal["code_points", "utf16", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Can:
    """Abilities the hub must know before it calls. The docs table is printed from this.

    `accepted` is how far an accepted send proves that the message got. `repeatable` is true only
    when the provider itself drops a second send of the same key. `settles_after` is how long a
    call may still take effect after its answer was lost: only then is "not found" a proof.
    `attachments` are what it can show as itself; anything else becomes a line of text. `album` is
    how many files one call may carry, `buttons` how many choices may stand under a message; where
    there are none, they become lines of text.
    Units: `text_limit` and `caption_limit` count `text_unit`s.
    """

    text_limit: int
    text_unit: TextUnit = "code_points"
    caption_limit: int = 0
    attachments: frozenset[AttachmentKind] = frozenset()
    album: int = 1
    file_limit_bytes: int = 0
    buttons: int = 0
    accepted: Status = Status.SENT
    repeatable: bool = False
    quotes: bool = False
    edits: bool = False
    deletes: bool = False
    reactions: bool = False
    typing: bool = False
    probe: bool = False
    polls: bool = False
    settles_after: timedelta = timedelta(seconds=30)
    reply_window: timedelta | None = None


class Channel(Adapter, Protocol):
    """One connected account of one channel."""

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Deliver one part of an operator's reply.

        Raises: `ProviderError`.
        """
        ...


@runtime_checkable
class Probing(Protocol):
    """The provider can be asked whether it already has our message."""

    async def find(self, outgoing: Outgoing, since: datetime) -> Receipt | None:
        """Return the receipt of an earlier, possibly lost, send of this very message."""
        ...


@runtime_checkable
class Edits(Protocol):
    """A sent message can be changed. Repeating an edit must be harmless."""

    async def edit(self, sent: str, outgoing: Outgoing) -> None:
        """Replace what the message `sent` (a receipt's id) says."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """A sent message can be taken back. Repeating a deletion must be harmless."""

    async def delete(self, sent: str) -> None: ...


@runtime_checkable
class Reacts(Protocol):
    """An emoji can be put on a message of either side."""

    async def react(self, name: str, emoji: str) -> None:
        """Let this be our reaction on the message; an empty one takes it back. Repeatable.

        `name` is the channel's id of the message, as a receipt or an origin gave it.
        """
        ...


@runtime_checkable
class ShowsTyping(Protocol):
    """The customer can see that an answer is being written. It fades by itself."""

    async def show_typing(self, conversation: str) -> None: ...


ChannelManifest: TypeAlias = Manifest[Any, Any, Channel, Can]
