"""Files beside notes: a customer's is kept in the portal, an operator's is told of.

Source: developers.hubspot.com/docs/api-reference/files-v3/guide.
"""

from crm_clients.hubspot import media
from crm_clients.hubspot.rest import MISSING_SCOPE, Rest, only_of
from crm_clients.hubspot.versions import FILES, path
from crm_clients.hubspot.wire_notes import KeptFile
from mappers.vocabulary import MediaFile, ProviderError


async def keep(rest: Rest, file: MediaFile, key: str) -> str:
    """Keep a file for whoever looks at a card; return its id, empty where we may not.

    Raises: `ProviderError`.
    """
    if not rest.config.may(media.SCOPE):
        return ""
    try:
        return await media.put(rest, file, key)
    except ProviderError as refused:
        if refused.failure.code == MISSING_SCOPE:
            return ""
        raise


async def describe(rest: Rest, file: str) -> KeptFile | None:
    """Say what a file is; None when it was deleted, or we may not see it."""
    try:
        reply = await rest.keeping(404).get(path(FILES, "files", file), "file.get")
    except ProviderError as refused:
        if refused.failure.code == MISSING_SCOPE:
            return None
        raise
    return None if reply.status == 404 else only_of(KeptFile, reply.value())
