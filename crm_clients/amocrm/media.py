"""Files in chats: how an entry shows one, and how an operator's file is brought.

amoCRM takes no bytes here: it is given an address and fetches the file itself. What an operator
sent lies at an address of amoCRM's own, which needs no token and is shown none. An address that
is not amoCRM's is not called: whoever can write into a hook must not choose where we go.

Source: amocrm.ru/developers/content/chats/{chat-api-reference, chat-webhooks}.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from crm_clients.amocrm.oauth import HOST, USER_AGENT, Application
from crm_clients.links import bring
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    AuthExpired,
    Entry,
    FetchedFile,
    Http,
    HttpCall,
    Permanent,
    ProviderError,
)

TYPES = {
    AttachmentKind.IMAGE: "picture",
    AttachmentKind.FILE: "file",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.VOICE: "voice",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.STICKER: "sticker",
}
SHOWN = frozenset(TYPES) | {AttachmentKind.LOCATION, AttachmentKind.CONTACT}
# A call may not outlast the lease of whoever makes it.
PATIENCE = timedelta(seconds=15)


def content_of(entry: Entry) -> dict[str, Any]:
    """Describe what an entry says or shows, as the `message` object of a chat."""
    file = entry.file
    if file is None:
        return {"type": "text", "text": entry.text, **_without_file(entry)}
    is_picture = file.kind is not AttachmentKind.IMAGE or file.mime.startswith("image/")
    content: dict[str, Any] = {
        "type": TYPES.get(file.kind, "file") if is_picture else "file",
        "text": entry.text,
        "media": file.url,
        "file_name": file.name,
        "file_size": file.size_bytes,
    }
    if file.duration_s is not None:
        content["media_duration"] = file.duration_s
    return content


def _without_file(entry: Entry) -> dict[str, Any]:
    """A place or a card is shown as itself when the message is nothing else."""
    match entry.message.attachments:
        case (Attachment(place=place),) if place is not None:
            where = {"lon": place.longitude, "lat": place.latitude}
            return {"type": "location", "location": where}
        case (Attachment(card=card),) if card is not None:
            return {"type": "contact", "contact": {"name": card.name, "phone": card.phone}}
        case _:
            return {}


async def fetch(
    attachment: Attachment, application: Application, http: Http, limit_bytes: int
) -> FetchedFile:
    """Raises: `ProviderError`; a file that is not to be had is `Permanent`."""
    if not is_amocrms(attachment.handle, application):
        raise ProviderError(Permanent(code="amocrm.foreign_file"))
    call = HttpCall(
        method="GET",
        url=attachment.handle,
        label="media",
        headers={"user-agent": USER_AGENT},
        timeout=PATIENCE,
        most_bytes=limit_bytes,
        repeatable=True,
    )
    # No token was shown, so none has run out: the address itself is closed.
    closed = (AuthExpired,)
    return await bring(http, call, attachment.title, code="amocrm.no_such_file", when=closed)


def is_amocrms(url: str, application: Application) -> bool:
    """Say whether an address lies on amoCRM's own hosts, or where our registration says."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" in application.trusted_origins:
        return True
    # `netloc`, not `hostname`: a port or a user name is no part of such an address.
    return parts.scheme == "https" and HOST.fullmatch(parts.netloc.lower()) is not None
