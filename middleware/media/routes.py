"""The door for whoever fetches a file: a CRM, or a person who follows a link in it."""

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from mappers.vocabulary import MessageId
from middleware.hub import Hub
from middleware.media.rules import may_be_shown
from middleware.store.rows import FileRow

# A store that is away is back within a minute, or somebody has been called.
AGAIN_IN_S = "60"


def media_routes(hub: Hub) -> APIRouter:
    """Serve files under signed addresses, and nothing at all under others."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/media/{signed}", methods=["GET", "HEAD"])
    async def serve(request: Request, signed: str) -> Response:
        file = await _file(hub, signed)
        if file is None:
            return Response(status_code=404)
        if request.method == "HEAD":
            return Response(headers=_headers(file))
        try:
            pieces = await hub.media.open(file.key)
        except OSError:
            return Response(status_code=503, headers={"retry-after": AGAIN_IN_S})
        if pieces is None:
            return Response(status_code=404)
        return StreamingResponse(pieces, headers=_headers(file))

    return router


async def _file(hub: Hub, signed: str) -> FileRow | None:
    subject, _, signature = signed.rpartition(".")
    if not signature.isascii() or not hub.vault.is_signed(f"media/{subject}", signature):
        return None
    message, _, position = subject.partition(".")
    return await hub.files.stored(MessageId(UUID(message)), int(position))


def _headers(file: FileRow) -> dict[str, str]:
    """What is shown in place can run nothing; everything else is only ever downloaded."""
    way = "inline" if may_be_shown(file.mime) else "attachment"
    return {
        "content-type": file.mime,
        "content-length": str(file.size_bytes),
        "content-disposition": f"{way}; filename*=UTF-8''{quote(file.name)}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "referrer-policy": "no-referrer",
        "cache-control": "private, max-age=86400, immutable",
        "x-robots-tag": "noindex",
    }
