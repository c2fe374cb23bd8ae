"""Files: what a timeline shows, and where an operator's file is fetched from."""

from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Attachment, AttachmentKind, FetchedFile

SHOWN = frozenset(AttachmentKind)


async def fetch(attachment: Attachment, rest: Rest, limit_bytes: int) -> FetchedFile:
    raise NotImplementedError
