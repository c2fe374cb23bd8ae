"""Files: how one of ours lies in the portal, and how an employee's is brought.

A file of ours is put at a place that its key names, and asked to be left alone where it is there:
so putting it twice is putting it once. An employee's file has a number and sometimes an address. By
the number HubSpot gives an address for a while, also of a private one; at its own addresses alone
is a file fetched that an event names, for whoever can write into one must not choose where we go.

Source: specification Files of HubSpot/HubSpot-public-api-spec-collection; addresses of files:
samples of the documentation.
"""

import json
import re
from datetime import timedelta
from hashlib import blake2b
from urllib.parse import urlsplit

from pydantic import Field

from crm_clients.hubspot.oauth import USER_AGENT
from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.versions import FILES, path
from crm_clients.hubspot.wire import Id, Read
from crm_clients.links import bring
from mappers.multipart import FilePart, multipart
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    AuthExpired,
    FetchedFile,
    HttpCall,
    MediaFile,
    Permanent,
    ProviderError,
)

CARRIED = frozenset(
    {
        AttachmentKind.IMAGE,
        AttachmentKind.FILE,
        AttachmentKind.VIDEO,
        AttachmentKind.VOICE,
        AttachmentKind.AUDIO,
        AttachmentKind.STICKER,
    }
)
SHOWN = CARRIED | {AttachmentKind.LOCATION, AttachmentKind.CONTACT}
FOLDER, SCOPE = "threadline", "files"
# A call may not outlast the lease of whoever makes it.
PATIENCE = timedelta(seconds=15)
LEFT_ALONE = {
    "access": "PRIVATE",
    "overwrite": False,
    "duplicateValidationStrategy": "RETURN_EXISTING",
    "duplicateValidationScope": "EXACT_FOLDER",
}
_HOST = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:hubspot\.(?:com|net)|hubapi\.com|hubspotusercontent[a-z0-9-]*\.(?:net|com))"
)
_FILE = re.compile(r"\d{1,20}")


class Stored(Read):
    id: Id


class Signed(Read):
    url: str = Field(min_length=1, repr=False)


async def put(rest: Rest, file: MediaFile, key: str) -> str:
    """Lay a file into the portal; return its number. Safe to repeat. Raises: `ProviderError`."""
    place = blake2b(key.encode(), digest_size=12).hexdigest()
    fields = {
        "folderPath": f"/{FOLDER}/{place}",
        "fileName": file.name,
        "options": json.dumps(LEFT_ALONE),
    }
    part = FilePart(key="file", name=file.name, mime=file.mime, body=await file.read())
    kind, content = multipart(fields, [part])
    reply = await rest.upload(path(FILES, "files"), "file.put", content, kind, repeatable=True)
    return only_of(Stored, reply.value()).id


def handle_of(file: str, url: str) -> str:
    """Say where an employee's file is: its number, its address, or both."""
    return " ".join(each for each in (file if _FILE.fullmatch(file) else "", url) if each)


async def fetch(attachment: Attachment, rest: Rest, limit_bytes: int) -> FetchedFile:
    """Raises: `ProviderError`; a file that is not to be had is `Permanent`."""
    number, url = _parted(attachment.handle)
    if number:
        try:
            return await _bring(await _signed(rest, number), attachment, rest, limit_bytes)
        except ProviderError as refused:
            if not (url and refused.failure.code == "hubspot.no_such_file"):
                raise
    if not _is_theirs(url, rest):
        raise ProviderError(Permanent(code="hubspot.foreign_file"))
    return await _bring(url, attachment, rest, limit_bytes)


async def _signed(rest: Rest, number: str) -> str:
    """Ask for an address that is good for a while. It comes from HubSpot itself."""
    asked = path(FILES, "files", number, "signed-url")
    reply = await rest.keeping(403, 404).get(asked, "file.signed")
    if reply.status in (403, 404):
        raise ProviderError(Permanent(code="hubspot.no_such_file"))
    return only_of(Signed, reply.value()).url


async def _bring(url: str, attachment: Attachment, rest: Rest, limit_bytes: int) -> FetchedFile:
    call = HttpCall(
        method="GET",
        url=url,
        label="hubspot.file",
        headers={"user-agent": USER_AGENT},
        timeout=PATIENCE,
        most_bytes=limit_bytes,
        repeatable=True,
    )
    # No token was shown, so none has run out: the address itself is closed.
    closed = (AuthExpired, Permanent)
    title = attachment.title
    return await bring(rest.http, call, title, code="hubspot.no_such_file", when=closed)


def _parted(handle: str) -> tuple[str, str]:
    first, _, rest = handle.partition(" ")
    return (first, rest) if _FILE.fullmatch(first) else ("", handle)


def _is_theirs(url: str, rest: Rest) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" in _trusted(rest):
        return True
    # `netloc`, not `hostname`: a port or a user name is no part of such an address.
    return parts.scheme == "https" and _HOST.fullmatch(parts.netloc.lower()) is not None


def _trusted(rest: Rest) -> tuple[str, ...]:
    return () if rest.application is None else rest.application.trusted_origins
