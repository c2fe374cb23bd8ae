"""Files by address: fetched inside the call, as anybody on the internet would; kept by digest."""

from base64 import b64decode
from hashlib import sha256
from mimetypes import guess_type
from typing import Any
from urllib.parse import unquote, urlsplit

from channel_clients.emulators.stage import Push

from .call import Call
from .lines_model import FileHeld, Json
from .problems import Refused

LONGEST_NAME = 50
AGENT = "Bitrix Connector Client"
REDIRECTS = 5
MIME = "application/octet-stream"


async def files(call: Call, sent: Any) -> tuple[list[FileHeld], list[str]]:
    """Return the files that could be had, and the names of those that silently were not."""
    kept, lost = [], []
    items = sent if isinstance(sent, list) else []
    for item in items:
        url = str(item.get("url") or "") if isinstance(item, dict) else ""
        name = _name(item, url)
        found = await fetch(call, url) if url else None
        if found is None:
            lost.append(name)
        else:
            kept.append(keep(call, name, *found))
    return kept, lost


def _name(item: Any, url: str) -> str:
    named = item.get("name") if isinstance(item, dict) else None
    name = str(named or unquote(urlsplit(url).path).rpartition("/")[2] or "file")
    return name[-LONGEST_NAME:]


def keep(call: Call, name: str, body: bytes, mime: str) -> FileHeld:
    held = FileHeld(
        id=call.portal.number("file"), name=name, mime=mime, body=body, key=call.world.hex(32)
    )
    call.portal.lines.files[held.id] = held
    return held


async def fetch(call: Call, url: str) -> tuple[bytes, str] | None:
    """Return what lies at an address, and its kind; None when it cannot be had."""
    if call.world.stage.take(call.request, {"file_lost"}):
        return None
    for _ in range(REDIRECTS):
        ask = Push(
            method="GET",
            url=url,
            headers={"user-agent": AGENT},
            body=b"",
            timeout_s=call.world.switches.max_fetch_s,
        )
        answer = await call.world.stage.deliver(ask)
        if answer is None:
            return None
        named = {key.lower(): value for key, value in answer.headers.items()}
        if answer.status == 200:
            return answer.body, named.get("content-type", MIME).partition(";")[0]
        if "location" not in named:
            return None
        url = named["location"]
    return None


async def digest(call: Call, url: str) -> str:
    """Return the digest of a picture; empty when it cannot be had."""
    found = await fetch(call, url)
    return sha256(found[0]).hexdigest() if found else ""


def keep_all(call: Call, pairs: Any) -> list[Json]:
    """Put down every file of a list."""
    return [keep_sent(call, pair) for pair in pairs] if isinstance(pairs, list) else []


def keep_sent(call: Call, pair: Any) -> Json:
    """Put down a file that was sent as its name and base64; return what is kept of it."""
    try:
        name, content = pair
        body = b64decode(str(content), validate=True)
    except (TypeError, ValueError):
        raise Refused(400, "INVALID_ARG_VALUE", "The file could not be read") from None
    held = keep(call, str(name)[-LONGEST_NAME:], body, guess_type(str(name))[0] or MIME)
    return {
        "id": held.id,
        "name": held.name,
        "mime": held.mime,
        "size": len(body),
        "key": held.key,
        "sha256": sha256(body).hexdigest(),
    }
