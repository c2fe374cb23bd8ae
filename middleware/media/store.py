"""Files as they are served and forgotten. What is planned and recorded of them: `store.port`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text

from mappers.vocabulary import MessageId
from middleware.db.engine import transaction
from middleware.media.port import MediaStore
from middleware.store.postgres.files import as_file
from middleware.store.rows import FileRow

STORED = text(
    "SELECT * FROM files WHERE message_id = :message AND position = :position AND state = 'stored'"
)
# A message with work that is not settled keeps its files.
FORGET = text(
    """
    DELETE FROM files WHERE (message_id, position) IN (
        SELECT f.message_id, f.position FROM files AS f
        WHERE f.at < :before AND NOT EXISTS (
            SELECT FROM deliveries AS d
            WHERE d.message_id = f.message_id AND d.state NOT IN ('done', 'skipped'))
        ORDER BY f.at LIMIT :limit)
    RETURNING key
    """
)
STILL_NAMED = text("SELECT DISTINCT key FROM files WHERE key = ANY(:keys)").bindparams(
    bindparam("keys", type_=ARRAY(Text))
)
PAGE = 500
# Longer than any fetch takes from keeping the bytes to recording that they are kept.
UNRECORDED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FileStore:
    engine: AsyncEngine

    async def stored(self, message: MessageId, position: int) -> FileRow | None:
        async with transaction(self.engine) as at:
            values = {"message": message, "position": position}
            row = (await at.execute(STORED, values)).first()
        return None if row is None else as_file(row)

    async def forget(self, before: datetime) -> frozenset[str]:
        """Forget some files of settled messages; return the keys that nobody names any more."""
        async with transaction(self.engine) as at:
            rows = await at.execute(FORGET, {"before": before, "limit": PAGE})
            keys = {row.key for row in rows if row.key}
        async with transaction(self.engine) as at:
            named = {row.key for row in await at.execute(STILL_NAMED, {"keys": list(keys)})}
        return frozenset(keys - named)


async def forget_old(files: FileStore, media: MediaStore, before: datetime) -> int:
    """Forget the files of messages older than this; return how many bodies went."""
    keys = await files.forget(before)
    gone = [await media.discard(key, unless_kept_since=before + UNRECORDED) for key in sorted(keys)]
    return sum(gone)
