"""Operators' files: brought from the portal's own addresses, and from nowhere else.

A signed link needs no token and is shown none. Whoever can write into an event must not choose
where we go. Some of Bitrix24's web servers hide files from callers that do not look like a browser.

Source: apidocs.bitrix24.com/settings/how-to-call-rest-api; links in events: estvita/separator.
"""

from urllib.parse import urlsplit

from crm_clients.bitrix24.oauth import PATIENCE, USER_AGENT, Config
from crm_clients.links import bring
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    AuthExpired,
    FetchedFile,
    Http,
    HttpCall,
    Permanent,
    ProviderError,
)

PAGES = (".html", ".htm")
SHOWN = frozenset(
    {
        AttachmentKind.IMAGE,
        AttachmentKind.FILE,
        AttachmentKind.VIDEO,
        AttachmentKind.VOICE,
        AttachmentKind.AUDIO,
        AttachmentKind.STICKER,
    }
)


async def fetch(
    attachment: Attachment, config: Config, http: Http, limit_bytes: int
) -> FetchedFile:
    """Raises: `ProviderError`; a file that is not to be had is `Permanent`."""
    if _origin(attachment.handle) != _origin(config.base):
        raise ProviderError(Permanent(code="bitrix24.foreign_file"))
    call = HttpCall(
        method="GET",
        url=attachment.handle,
        label="bitrix24.file",
        headers={
            "user-agent": f"Mozilla/5.0 (compatible; {USER_AGENT})",
            "accept": "*/*",
            "accept-language": "en",
            "referer": f"{config.base}/",
        },
        timeout=PATIENCE,
        most_bytes=limit_bytes,
        repeatable=True,
        budgets=("rest",),
    )
    absent = (Permanent, AuthExpired)
    found = await bring(http, call, attachment.title, code="bitrix24.no_such_file", when=absent)
    if found.mime == "text/html" and not attachment.title.lower().endswith(PAGES):
        # A page in place of a file asks whoever opens it to sign in.
        raise ProviderError(Permanent(code="bitrix24.no_such_file"))
    return found


def _origin(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.scheme, parts.netloc.lower()
