"""What a channel is asked to say."""

from dataclasses import dataclass, field

from mappers.vocabulary.media import MediaFile
from mappers.vocabulary.messages import Attachment, Button, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One provider call's worth of an operator's reply: splitting has happened before.

    `key` is ours, stable over every attempt. `quoted` is the channel's id of the quoted message,
    as a receipt or an origin gave it. `files` are as many as the channel takes in one call, with
    `text` as their caption; `attachments` show what needs no file, a place or a card.
    `buttons` are rows, as many as the channel takes, and never beside several files.
    Units: spans count code points of `text`.
    """

    key: str
    conversation: str
    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    files: tuple[MediaFile, ...] = ()
    quoted: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an account says of itself; proof that the credentials work.

    `warnings` are sentences for the admin: what will not work, and what to do about it.
    """

    id: str
    title: str
    url: str = ""
    warnings: tuple[str, ...] = ()
