"""Files of replies that we were not told of: a history names them, the portal's Drive has them.

Source: apidocs.bitrix24.com/api-reference/disk/file/disk-file-get; `fileId` of messages: bitrix
kernel, as reported by integrators.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from mimetypes import guess_type

from crm_clients.bitrix24.lines import NOBODY
from crm_clients.bitrix24.reading import moment
from crm_clients.bitrix24.rest import Rest, only_of
from crm_clients.bitrix24.wire import DriveFile, HistoryMessage, OperatorFile
from mappers.vocabulary import Blocked, Permanent, ProviderError


async def files_of(
    rest: Rest, said: Iterable[HistoryMessage], customer: str, since: datetime
) -> Mapping[str, OperatorFile]:
    """Find where the files of operators' messages are fetched from, by their ids.

    One that is not to be had is there without an address. Raises: `ProviderError`.
    """
    strangers = {NOBODY, "", customer}
    news = [each for each in said if each.sender not in strangers and _is_news(each, since)]
    return {number: await _found(rest, number) for each in news for number in each.params.files}


def _is_news(said: HistoryMessage, since: datetime) -> bool:
    at = moment(said.date)
    return at is not None and at >= since


async def _found(rest: Rest, number: str) -> OperatorFile:
    try:
        held = only_of(DriveFile, await rest.ask("disk.file.get", {"id": number}))
    except ProviderError as refused:
        if isinstance(refused.failure, Blocked | Permanent):
            return OperatorFile()
        raise
    mime = guess_type(held.name)[0] or ""
    return OperatorFile(
        name=held.name,
        type=mime.partition("/")[0],
        mime=mime,
        downloadLink=held.url,
        size=held.size,
    )
