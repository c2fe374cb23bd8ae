"""Deliveries as people look at them, and the one transaction in which a person changes one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mappers.vocabulary import (
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    WorkspaceId,
)
from middleware.db.engine import transaction
from middleware.db.tables import connections, deliveries, lanes, messages
from middleware.errors import NotFound
from middleware.ids import uuid7
from middleware.operations.access.store import note
from middleware.operations.deliveries.model import DeliveryLine, Filter, Group, Standing
from middleware.operations.model import Caller, InterruptedWork
from middleware.store.codec import decode_message, decode_policy
from middleware.store.errors import StoreConflict
from middleware.store.postgres.settled import WAKE_DEPENDENTS
from middleware.store.postgres.unit import PostgresUnit

T = TypeVar("T")
TRIES = 6

AFTER = deliveries.alias("prerequisite")
LINE = (
    select(
        deliveries,
        connections.c.title,
        lanes.c.key.label("lane"),
        AFTER.c.state.label("after_state"),
        messages.c.content,
    )
    .join(connections, connections.c.id == deliveries.c.target_id)
    .join(lanes, lanes.c.id == deliveries.c.lane_id)
    .join(AFTER, AFTER.c.id == deliveries.c.after, isouter=True)
    .join(messages, messages.c.id == deliveries.c.message_id, isouter=True)
)
LANE_OF = text("SELECT lane_id FROM deliveries WHERE id = :id AND workspace_id = :workspace")
LOCK_LANE = text("SELECT 1 FROM lanes WHERE id = :lane FOR UPDATE")
STANDING = text(
    """
    SELECT d.id, d.target_id, c.state AS target_state, d.lane_id, d.kind, d.state, d.revision,
        d.message_id, d.detail, d.code, r.policy, p.state AS prerequisite,
        (SELECT max(l.revision) FROM deliveries AS l
         WHERE l.target_id = d.target_id AND l.kind = d.kind AND l.subject = d.subject
           AND l.part = d.part AND l.revision > d.revision) AS later
    FROM deliveries AS d JOIN connections AS c ON c.id = d.target_id
    LEFT JOIN deliveries AS p ON p.id = d.after
    LEFT JOIN routes AS r ON r.id = d.route_id
    WHERE d.id = :id
    """
)
# A lane that is put off stays put off: its head may be waiting as long as its provider asked.
REQUEUE = text(
    """
    WITH turn AS (
        UPDATE lanes SET tail = tail + 1, due_at = coalesce(due_at, clock_timestamp())
        WHERE id = :lane RETURNING tail
    )
    UPDATE deliveries SET state = 'ready', seq = turn.tail, due_at = NULL, settled_at = NULL,
        failure = '', code = '', failures = 0,
        after = CASE WHEN :forgets_after THEN NULL ELSE after END,
        detail = (detail - '{stops_lane,held,looks}'::text[]) || :asked
    FROM turn WHERE deliveries.id = :id AND deliveries.state = :was
    """
).bindparams(bindparam("asked", type_=JSONB))
# Values that no mapping makes any more stay what they were planned as.
MAP_ANEW = text(
    """
    UPDATE deliveries SET
        detail = deliveries.detail || jsonb_build_object('mapping', m.id::text, 'version', m.active)
    FROM routes AS r JOIN mappings AS m ON m.id = r.mapping_id AND m.active IS NOT NULL
    WHERE deliveries.id = :id AND r.id = deliveries.route_id AND deliveries.kind = 'write_fields'
    """
)
CLOSE = text(
    """
    UPDATE deliveries SET state = :state, due_at = NULL, settled_at = clock_timestamp()
    WHERE id = :id AND state = :was
    """
)
FREE_LANE = text(
    """
    UPDATE lanes SET due_at = CASE WHEN head <= tail THEN coalesce(due_at, clock_timestamp()) END
    WHERE id = :lane
    """
)
REOPEN_STATUS = text("UPDATE messages SET status = 'queued' WHERE id = :id AND status = 'failed'")
WAITING_PARTS = text(
    """
    SELECT id FROM deliveries
    WHERE workspace_id = :workspace AND message_id = :message AND kind = 'send'
      AND state IN ('held', 'dead') ORDER BY part
    """
)
SENT_PARTS = text(
    """
    SELECT id FROM deliveries
    WHERE workspace_id = :workspace AND message_id = :message AND kind = 'send' ORDER BY part
    """
)
WORKSPACE_OF = text(
    "SELECT workspace_id FROM deliveries WHERE id = :subject OR message_id = :subject LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction of a person's: what is read in it stands until it ends."""

    at: AsyncConnection
    unit: PostgresUnit
    caller: Caller

    async def take(self, delivery: DeliveryId) -> Standing:
        """Lock the delivery's lane and say how it stands. Raises: `NotFound`."""
        values = {"id": delivery, "workspace": self.caller.workspace}
        lane = (await self.at.execute(LANE_OF, values)).scalar()
        if lane is None:
            raise NotFound(f"There is no delivery {delivery}.")
        await self.at.execute(LOCK_LANE, {"lane": lane})
        return standing_of((await self.at.execute(STANDING, values)).one())

    async def requeue(self, standing: Standing, *, asked: str) -> None:
        """Put it at the end of its lane, as ready as a new one. Its key stays what it was."""
        values = {
            "id": standing.id,
            "lane": standing.lane,
            "was": standing.state,
            "forgets_after": standing.must_look_again,
            "asked": {"asked": asked},
        }
        await self._changed(REQUEUE, values)
        self.unit.touched.add(standing.target)
        if standing.kind is DeliveryKind.SEND and standing.message is not None:
            await self.at.execute(REOPEN_STATUS, {"id": standing.message})

    async def map_anew(self, standing: Standing) -> None:
        """Have its values made by the version of the mapping that is in force now."""
        await self.at.execute(MAP_ANEW, {"id": standing.id})

    async def close(self, standing: Standing, state: DeliveryState) -> None:
        """Settle it by a person's word, and let go on whatever waited for it."""
        await self._changed(CLOSE, {"id": standing.id, "was": standing.state, "state": state})
        await self.at.execute(FREE_LANE, {"lane": standing.lane})
        await self.at.execute(WAKE_DEPENDENTS, {"settled": [standing.id]})
        self.unit.touched.add(standing.target)
        if state is DeliveryState.DONE and standing.message is not None:
            await self.at.execute(REOPEN_STATUS, {"id": standing.message})

    async def _changed(self, statement: Any, values: dict[str, Any]) -> None:
        if not (await self.at.execute(statement, values)).rowcount:
            raise StoreConflict("it was changed meanwhile")

    async def note(self, action: str, subject: UUID, **detail: Any) -> None:
        await note(self.at, self.caller, action, str(subject), detail)


@asynccontextmanager
async def _changing(engine: AsyncEngine, caller: Caller) -> AsyncIterator[Change]:
    async with transaction(engine) as at:
        change = Change(at, PostgresUnit(at, uuid7), caller)
        yield change
        await change.unit.write()


async def in_change(
    engine: AsyncEngine, caller: Caller, work: Callable[[Change], Awaitable[T]]
) -> tuple[T, frozenset[ConnectionId]]:
    """Do `work` in one transaction, again from its beginning after a conflict.

    Returns its result and the connections that got something to do.
    Raises: `InterruptedWork` when traffic is always in the way; `StoreUnavailable`.
    """
    for _ in range(TRIES):
        try:
            async with _changing(engine, caller) as change:
                result = await work(change)
            return result, frozenset(change.unit.touched)
        except StoreConflict:
            continue
    raise InterruptedWork("The lane is busy just now. Nothing was changed: try again.")


async def workspace_of(engine: AsyncEngine, subject: UUID) -> WorkspaceId | None:
    """Find whose a delivery, or a reply's deliveries, are."""
    async with transaction(engine) as at:
        found = (await at.execute(WORKSPACE_OF, {"subject": subject})).scalar()
    return None if found is None else WorkspaceId(found)


@dataclass(frozen=True, slots=True)
class DeliveryStore:
    """What people ask about deliveries of one workspace."""

    engine: AsyncEngine
    workspace: WorkspaceId

    async def page(
        self, wanted: Filter, *, before: UUID | None, limit: int
    ) -> tuple[DeliveryLine, ...]:
        """Return the newest first, `before` a delivery."""
        query = LINE.where(*self._conditions(wanted)).order_by(deliveries.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(deliveries.c.id < before)
        return await self._lines(query)

    async def one(self, delivery: DeliveryId) -> DeliveryLine:
        """Raises: `NotFound`."""
        conditions = self._conditions(Filter())
        found = await self._lines(LINE.where(deliveries.c.id == delivery, *conditions))
        if not found:
            raise NotFound(f"There is no delivery {delivery}.")
        return found[0]

    async def groups(self, wanted: Filter) -> tuple[Group, ...]:
        """Count what is meant, by connection, kind and state."""
        names = (
            deliveries.c.target_id.label("target"),
            connections.c.title,
            deliveries.c.kind,
            deliveries.c.state,
        )
        query = (
            select(
                *names,
                func.count().label("count"),
                func.min(deliveries.c.created_at).label("oldest"),
                func.max(deliveries.c.created_at).label("newest"),
            )
            .join(connections, connections.c.id == deliveries.c.target_id)
            .where(*self._conditions(wanted))
            .group_by(*names)
            .order_by(connections.c.title, deliveries.c.kind, deliveries.c.state)
        )
        async with transaction(self.engine) as at:
            return tuple(_group(row) for row in (await at.execute(query)).mappings())

    async def ids(
        self, wanted: Filter, *, after: UUID | None, limit: int
    ) -> tuple[DeliveryId, ...]:
        """Return which are meant in the order they were planned, `after` a delivery."""
        query = select(deliveries.c.id).where(*self._conditions(wanted))
        if after is not None:
            query = query.where(deliveries.c.id > after)
        async with transaction(self.engine) as at:
            rows = await at.execute(query.order_by(deliveries.c.id).limit(limit))
            return tuple(DeliveryId(row.id) for row in rows)

    async def waiting_parts(self, message: UUID) -> tuple[DeliveryId, ...]:
        """Return the parts of a reply that wait for a person, in order."""
        return await self._parts(WAITING_PARTS, message)

    async def sent_parts(self, message: UUID) -> tuple[DeliveryId, ...]:
        """Return all parts of a reply, in order."""
        return await self._parts(SENT_PARTS, message)

    async def _parts(self, statement: Any, message: UUID) -> tuple[DeliveryId, ...]:
        values = {"workspace": self.workspace, "message": message}
        async with transaction(self.engine) as at:
            rows = await at.execute(statement, values)
            return tuple(DeliveryId(row.id) for row in rows)

    async def _lines(self, query: Select[Any]) -> tuple[DeliveryLine, ...]:
        async with transaction(self.engine) as at:
            return tuple(line_of(row) for row in (await at.execute(query)).mappings())

    def _conditions(self, wanted: Filter) -> Sequence[ColumnElement[bool]]:
        of = deliveries.c
        chosen: list[ColumnElement[bool]] = [of.workspace_id == self.workspace]
        if wanted.states:
            chosen.append(of.state.in_(wanted.states))
        if wanted.kinds:
            chosen.append(of.kind.in_(wanted.kinds))
        if wanted.since is not None:
            chosen.append(of.created_at >= wanted.since)
        if wanted.until is not None:
            chosen.append(of.created_at < wanted.until)
        if wanted.code:
            chosen.append(of.code == wanted.code)
        for column, value in (
            (of.target_id, wanted.connection),
            (of.conversation_id, wanted.conversation),
        ):
            if value is not None:
                chosen.append(column == value)
        return chosen


def line_of(row: RowMapping) -> DeliveryLine:
    """Read one row of `LINE`."""
    content = row["content"]
    return DeliveryLine(
        id=DeliveryId(row["id"]),
        kind=DeliveryKind(row["kind"]),
        state=DeliveryState(row["state"]),
        target=ConnectionId(row["target_id"]),
        title=row["title"],
        lane=row["lane"],
        seq=row["seq"],
        part=row["part"],
        revision=row["revision"],
        attempts=row["attempts"],
        failure=row["failure"],
        code=row["code"],
        after=row["after"],
        after_state=_state(row["after_state"]),
        message=row["message_id"],
        conversation=row["conversation_id"],
        contact=row["contact_id"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        settled_at=row["settled_at"],
        words=decode_message(content).text if content is not None else "",
    )


def _state(state: str | None) -> DeliveryState | None:
    return None if state is None else DeliveryState(state)


def _group(row: RowMapping) -> Group:
    return Group(
        target=ConnectionId(row["target"]),
        title=row["title"],
        kind=DeliveryKind(row["kind"]),
        state=DeliveryState(row["state"]),
        count=row["count"],
        oldest=row["oldest"],
        newest=row["newest"],
    )


def standing_of(row: Any) -> Standing:
    """Read one row of `STANDING`."""
    return Standing(
        id=DeliveryId(row.id),
        target=ConnectionId(row.target_id),
        target_state=row.target_state,
        lane=row.lane_id,
        kind=DeliveryKind(row.kind),
        state=DeliveryState(row.state),
        revision=row.revision,
        later=row.later,
        message=row.message_id,
        prerequisite=_state(row.prerequisite),
        code=row.code,
        is_dry=decode_policy(row.policy or {}).dry_run,
        asked=row.detail.get("asked", ""),
        detail=row.detail,
    )
