"""Files as they are served and forgotten. What is planned and recorded of them: `store.port`."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import MessageId
from middleware.db.engine import transaction
from middleware.media.port import MediaStore
from middleware.store.postgres.files import as_file
from middleware.store.rows import FileRow

STORED = text(
    "SELECT * FROM files WHERE message_id = :message AND position = :position AND state = 'stored'"
)
# A message with work that is not settled keeps its files.
OLD = text(
    """
    SELECT f.message_id, f.position, f.key FROM files AS f
    WHERE f.at < :before AND NOT EXISTS (
        SELECT FROM deliveries AS d
        WHERE d.message_id = f.message_id AND d.state NOT IN ('done', 'skipped'))
    ORDER BY f.at LIMIT :limit
    """
)
THESE = "SELECT * FROM unnest(CAST(:messages AS uuid[]), CAST(:positions AS integer[]))"
NAMED_BY_OTHERS = text(
    f"""
    SELECT DISTINCT key FROM files
    WHERE key = ANY(CAST(:keys AS text[])) AND (message_id, position) NOT IN ({THESE})
    """  # noqa: S608  # nothing in it comes from outside
)
FORGET = text(f"DELETE FROM files WHERE (message_id, position) IN ({THESE})")  # noqa: S608
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

    async def old(self, before: datetime) -> "Old":
        """Return some files of settled messages, and the keys that only these name."""
        async with transaction(self.engine) as at:
            rows = (await at.execute(OLD, {"before": before, "limit": PAGE})).all()
            old = Old(
                messages=tuple(row.message_id for row in rows),
                positions=tuple(row.position for row in rows),
                keys=frozenset(row.key for row in rows if row.key),
            )
            named = await at.execute(NAMED_BY_OTHERS, {**_these(old), "keys": list(old.keys)})
            return replace(old, keys=old.keys - {row.key for row in named})

    async def forget(self, old: "Old") -> None:
        async with transaction(self.engine) as at:
            await at.execute(FORGET, _these(old))


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """Files that nobody needs any more: where they are named, and what goes with them."""

    messages: tuple[UUID, ...]
    positions: tuple[int, ...]
    keys: frozenset[str]


def _these(old: Old) -> dict[str, Any]:
    return {"messages": list(old.messages), "positions": list(old.positions)}


async def forget_old(files: FileStore, media: MediaStore, before: datetime) -> int:
    """Forget the files of messages older than this; return how many bodies went.

    Bodies go before their names do: one that could not be discarded is still known next time.
    Raises: `OSError` of the media store.
    """
    old = await files.old(before)
    since = before + UNRECORDED
    gone = [await media.discard(key, unless_kept_since=since) for key in sorted(old.keys)]
    await files.forget(old)
    return sum(gone)
