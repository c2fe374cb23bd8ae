"""Files that customers sent: found by id, then downloaded. Their addresses hold the token.

Source: Bot API, getFile: 20 MB at most, unless the Bot API server is one's own; read 2026-11.
"""

import re
from dataclasses import replace
from urllib.parse import quote

from channel_clients.telegram.api import FILE_TAKES, GET_FILE, BotApi
from channel_clients.telegram.codes import FILE_TOO_LARGE
from channel_clients.telegram.failures import FILE_TOO_BIG
from channel_clients.telegram.wire import FileFound
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    FetchedFile,
    HttpCall,
    Permanent,
    ProviderError,
    Transient,
    usual_failure,
)

EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}$")
TOO_LARGE = Permanent(code=FILE_TOO_LARGE)
# The hub's gateway stops reading there; the file was larger than it claimed to be.
OVERFLOWN = "net.ResponseTooLarge"
UNAVAILABLE = Transient(code="telegram.file_unavailable")
CUT_SHORT = Transient(code="telegram.file_cut_short")
KEPT_LOCAL = Permanent(code="telegram.file_kept_local")
# Of these the title is a name; of others it is something else, such as an emoji.
NAMED = frozenset({AttachmentKind.FILE, AttachmentKind.VIDEO, AttachmentKind.AUDIO})


async def fetch(api: BotApi, attachment: Attachment, limit_bytes: int) -> FetchedFile:
    """Download a file.

    Raises: `ProviderError`; `Permanent(code="file.too_large")` for more than the limit, or than
    Telegram hands out to bots.
    """
    if (attachment.size_bytes or 0) > limit_bytes:
        raise ProviderError(TOO_LARGE)
    try:
        found = await _find(api, attachment.handle, limit_bytes)
        body = await _download(api, found.file_path, limit_bytes)
    except ProviderError as error:
        if error.failure.code in {FILE_TOO_BIG, OVERFLOWN}:
            raise ProviderError(TOO_LARGE) from None
        raise
    if len(body) > limit_bytes:
        raise ProviderError(TOO_LARGE)
    if len(body) < (found.file_size or 0):
        raise ProviderError(CUT_SHORT)
    name = _name(attachment, found.file_path)
    return FetchedFile(body=body, name=name, mime=attachment.mime)


async def _find(api: BotApi, file_id: str, limit_bytes: int) -> FileFound:
    found = await api.call(GET_FILE, {"file_id": file_id})
    if (found.file_size or 0) > limit_bytes:
        raise ProviderError(TOO_LARGE)
    if not found.file_path:
        raise ProviderError(UNAVAILABLE)
    if found.file_path.startswith("/"):
        raise ProviderError(KEPT_LOCAL)
    return found


async def _download(api: BotApi, path: str, limit_bytes: int) -> bytes:
    token = api.config.token.get_secret_value()
    call = HttpCall(
        method="GET",
        url=f"{api.config.api_base}/file/bot{token}/{quote(path)}",
        label="telegram.file",
        timeout=FILE_TAKES,
        most_bytes=limit_bytes,
        repeatable=True,
    )
    reply = await api.http.send(call)
    if reply.status == 404:  # a path that getFile has just given out
        raise ProviderError(UNAVAILABLE)
    if failure := usual_failure(reply, repeatable=True):
        raise ProviderError(replace(failure, detail=""))  # a proxy's page may name the address
    return reply.body


def _name(attachment: Attachment, path: str) -> str:
    """Call the file what its sender called it, else what it is; the path lends its ending only."""
    title = attachment.title if attachment.kind in NAMED else ""
    if EXTENSION.search(title):
        return title
    ending = EXTENSION.search(path)
    return (title or attachment.kind.value) + (ending[0] if ending else "")
