"""Updates waiting to be taken: which queue each belongs to, when it expires, and the backlog.

Inside one queue order is kept; between queues there is none. Source:
`telegram-bot-api/Client.cpp`, `add_update*` (the `webhook_queue_id` of each), read 2026-11.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from channel_clients.emulators.stage import Clock

QueueKey = tuple[str, int]
FIRST_UPDATE_ID = 870_001

# Kinds that a bot gets only if it names them.
_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
KINDS = _ON_REQUEST | {
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
}
DEFAULT_KINDS = KINDS - _ON_REQUEST
_SHORT_LIVED = frozenset({"callback_query", "shipping_query", "pre_checkout_query"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pending:
    """One update in its queue. `body` is the JSON that every attempt repeats byte for byte."""

    update_id: int
    kind: str
    content: Mapping[str, Any]
    queue: QueueKey
    expires_at: datetime

    @property
    def wire(self) -> dict[str, Any]:
        return {"update_id": self.update_id, self.kind: self.content}

    @property
    def body(self) -> bytes:
        return json.dumps(self.wire, ensure_ascii=False).encode()


def queue_of(kind: str, content: Mapping[str, Any]) -> QueueKey:
    """Return the queue whose order this update keeps."""
    chat_id = content.get("chat", {}).get("id", 0)
    user_id = content.get("from", content.get("user", {})).get("id", 0)
    match kind:
        case "message" | "edited_message" | "channel_post" | "edited_channel_post":
            return ("chat", chat_id)
        case "business_message" | "edited_business_message" | "deleted_business_messages":
            return ("business", chat_id)
        case "message_reaction" | "message_reaction_count" | "my_chat_member":
            return (kind, chat_id)
        case "chat_boost" | "removed_chat_boost":
            return ("chat_boost", chat_id)
        case "chat_member" | "chat_join_request":
            return ("member", user_id)
        case _:
            return (kind, user_id)


def expiry_of(kind: str, content: Mapping[str, Any], now: datetime) -> datetime:
    if kind in _SHORT_LIVED:
        return now + timedelta(seconds=150)
    written = content.get("edit_date") or content.get("date")
    begun = datetime.fromtimestamp(written, UTC) if written else now
    return begun + timedelta(hours=24)


class Backlog:
    """Every update that a bot has not taken yet, in its queue; what has expired is gone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[QueueKey, deque[Pending]] = {}
        self._next_id = FIRST_UPDATE_ID

    def __len__(self) -> int:
        return sum(1 for _ in self._alive())

    def add(self, kind: str, content: Mapping[str, Any], update_id: int | None = None) -> Pending:
        """Queue an update; ids only grow, so one given by hand lifts all that follow."""
        update_id = self._next_id if update_id is None else update_id
        self._next_id = max(self._next_id, update_id + 1)
        pending = Pending(
            update_id=update_id,
            kind=kind,
            content=content,
            queue=queue_of(kind, content),
            expires_at=expiry_of(kind, content, self._clock.now()),
        )
        self._queues.setdefault(pending.queue, deque()).append(pending)
        return pending

    def queues(self) -> tuple[QueueKey, ...]:
        return tuple(self._queues)

    def head(self, key: QueueKey) -> Pending | None:
        """Return the oldest update of a queue that is still worth delivering."""
        queue = self._queues.get(key, deque())
        while queue and queue[0].expires_at < self._clock.now():
            queue.popleft()
        if not queue:
            self._queues.pop(key, None)
            return None
        return queue[0]

    def remove(self, pending: Pending) -> None:
        """Forget an update, unless it has been forgotten meanwhile."""
        queue = self._queues.get(pending.queue)
        if queue and pending in queue:
            queue.remove(pending)

    def take(self, offset: int, limit: int) -> list[Pending]:
        """Return the oldest updates from `offset` on, and forget all before it.

        A negative offset counts from the end.
        """
        waiting = sorted(self._alive(), key=lambda pending: pending.update_id)
        kept = waiting[offset:] if offset < 0 else [p for p in waiting if p.update_id >= offset]
        for pending in set(waiting).difference(kept):
            self.remove(pending)
        return kept[:limit]

    def clear(self) -> None:
        self._queues.clear()

    def _alive(self) -> Iterator[Pending]:
        now = self._clock.now()
        waiting = chain.from_iterable(self._queues.values())
        return (pending for pending in waiting if pending.expires_at >= now)


async def within(clock: Clock, signal: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for `signal`, but no longer than `seconds` of the stage's time; say whether it came."""
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({timer, signal}, return_when=asyncio.FIRST_COMPLETED)
        return signal.done()
    finally:
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
