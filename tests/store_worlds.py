"""Two stores to be told the same things: the twin in virtual time, PostgreSQL in real time.

A world wraps one store: it runs what a test does to it, lets time pass, remembers what came out
(a job, a conversation…) under the same number as the other world, and says things so that two
worlds can be compared: ids by order of appearance, no moments of its own clock.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import ConnectionId, ContactId, ConversationId, DeliveryId, MessageId
from middleware.connections.store import ConnectionStore
from middleware.db.engine import make_engine
from middleware.ids import uuid7_of
from middleware.simulation.loop import VirtualClock, VirtualLoop
from middleware.store.codec import encode_policy
from middleware.store.duties import Job
from middleware.store.port import Store
from middleware.store.postgres import PostgresStore
from middleware.store.rows import InboxRow, Lease
from tests.store_scene import (
    CHANNEL,
    CRM,
    DOCUMENT,
    MAPPING,
    OTHER_CHANNEL,
    ROUTE,
    WORKSPACE,
    a_twin,
)

# What a store says of its own clock and its own row numbers.
OWN = frozenset(
    {"called_at", "taken_at", "created_at", "received_at", "arrival", "lane", "seen_at", "at"}
    | {"closed_at", "used_at"}
)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GIVEN_IDS_BELOW = 1 << 64
EMPTY = """
    TRUNCATE workspaces, connections, leases, mappings, mapping_versions, filled_places,
        routes, inbox, bodies, pulses, contacts, identities,
        claims, contact_links, deals, conversations, conversation_links, messages, names, facts,
        files, lanes, deliveries, attempts, joins, operators RESTART IDENTITY CASCADE
"""
PULSES = ("pulses.at", "pulses.restored_at", "pulses.lost_since")
ADD_CONNECTION = """
    INSERT INTO connections (id, workspace_id, kind, provider, account, title, config, address)
    VALUES (:id, :workspace, :kind, :provider, :account, '', '', :address)
"""
ADD_MAPPING = """
    INSERT INTO mappings (id, workspace_id, name, active) VALUES (:id, :workspace, 'fields', 1)
"""
ADD_VERSION = """
    INSERT INTO mapping_versions (mapping_id, number, digest, document, author)
    VALUES (:id, 1, '', :document, '')
"""
ADD_ROUTE = """
    INSERT INTO routes (id, workspace_id, source_id, target_id, policy, mapping_id)
    VALUES (:id, :workspace, :source, :target, CAST(:policy AS jsonb), :mapping)
"""
LANES = """
    SELECT target_id, key, head, tail, priority, due_at IS NOT NULL AS is_dated,
        coalesce(due_at <= clock_timestamp(), false) AS is_due FROM lanes
"""
DELIVERIES = """
    SELECT d.kind, d.subject, d.part, d.revision, d.seq, d.state, d.attempts, d.failures, d.code,
        d.detail, d.settled_at IS NOT NULL AS is_settled
    FROM deliveries AS d
"""


class World(Protocol):
    """What the two have in common."""

    store: Store
    kept: "Kept"

    def run(self, work: Callable[["World"], Awaitable[Any]]) -> Any: ...

    async def now(self) -> datetime: ...

    async def pass_time(self, seconds: float) -> None: ...

    async def tick(self) -> None:
        """Let two steps of one transaction happen one after the other."""
        ...

    async def lanes_and_deliveries(self) -> tuple[list[Any], list[Any]]:
        """Show the outbox as it is committed."""
        ...

    async def resume(self, connection: ConnectionId) -> None: ...


class Kept:
    """What came out of one world, each kind in the same order as in the other."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self.rows: list[InboxRow] = []
        self.jobs: list[Job] = []
        self.deliveries: list[DeliveryId] = []
        self.contacts: list[ContactId] = []
        self.conversations: list[ConversationId] = []
        self.messages: list[MessageId] = []
        self._names: dict[UUID, str] = {}

    def plain(self, value: Any) -> Any:
        """Say a value in words that mean the same in both worlds."""
        if isinstance(value, UUID):
            is_given = value.int < GIVEN_IDS_BELOW
            return value if is_given else self._names.setdefault(value, f"id {len(self._names)}")
        if isinstance(value, str):
            return ID.sub(lambda found: str(self.plain(UUID(found[0]))), value)
        if isinstance(value, datetime):
            return value.isoformat()
        if is_dataclass(value) and not isinstance(value, type):
            said = {each.name: getattr(value, each.name) for each in fields(value)}
            if isinstance(value, Job) and (value.message or value.person):
                said["key"] = value.key  # otherwise it is made of our own ids
            return {name: self.plain(each) for name, each in said.items() if name not in OWN}
        if isinstance(value, Mapping):
            return {name: self.plain(value[name]) for name in sorted(value)}
        if isinstance(value, frozenset | set):
            return sorted((self.plain(each) for each in value), key=repr)
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        return value


class TwinWorld:
    """The twin. Its clock follows the real one, so that both worlds see as much time pass."""

    def __init__(self, seed: int) -> None:
        self._loop = VirtualLoop(seed)
        self._clock = VirtualClock(self._loop)
        self._twin = a_twin(self._clock)
        self._real = time.monotonic()
        self.store: Store = self._twin
        self.kept = Kept()

    def run(self, work: Callable[[World], Awaitable[Any]]) -> Any:
        real, self._real = self._real, time.monotonic()

        async def outcome() -> Any:
            await self._clock.sleep(self._real - real)
            return await work(self)

        return self._loop.run_until_complete(outcome())

    async def now(self) -> datetime:
        return self._clock.now()

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def tick(self) -> None:
        await self._clock.sleep(0.001)

    async def resume(self, connection: ConnectionId) -> None:
        await self._twin.resume(connection)

    async def lanes_and_deliveries(self) -> tuple[list[Any], list[Any]]:
        now, tables = self._clock.now(), self._twin.tables
        lanes = [
            (
                *(lane.target, lane.key, lane.head, lane.tail, lane.priority),
                *(lane.due_at is not None, lane.due_at is not None and lane.due_at <= now),
            )
            for lane in tables.lanes.rows.values()
        ]
        deliveries = [
            (
                *(each.duty.kind.value, each.duty.subject, each.duty.part, each.duty.revision),
                *(each.seq, each.state.value, each.attempts, each.failures, each.code),
                *(dict(each.detail), each.settled_at is not None),
            )
            for each in tables.deliveries.rows.values()
        ]
        return lanes, deliveries

    def close(self) -> None:
        self._loop.close()


class PostgresWorld:
    """PostgreSQL. Time passes here when everything dated is moved back instead."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._engine = make_engine(url, pool_size=2, statement_timeout=timedelta(seconds=20))
        self._numbers = count()
        self.store: Store = PostgresStore(self._engine, self._new_id)
        self.kept = Kept()

    def _new_id(self) -> UUID:
        return uuid7_of(time.time_ns() // 1_000_000, next(self._numbers))

    def begin(self) -> None:
        """Forget everything but the scene."""
        self.kept = Kept()
        self._runner.run(self._set_scene(self._engine))

    async def _set_scene(self, engine: AsyncEngine) -> None:
        scene = (
            (CHANNEL, "channel", "telegram", "77"),
            (OTHER_CHANNEL, "channel", "telegram", "78"),
            (CRM, "crm", "amocrm", "romashka"),
        )
        async with engine.begin() as at:
            await at.execute(text(EMPTY))
            await at.execute(
                text("INSERT INTO workspaces (id, name) VALUES (:id, 'test')"), {"id": WORKSPACE}
            )
            for connection, kind, provider, account in scene:
                names = {"kind": kind, "provider": provider, "account": account}
                place = {"id": connection, "workspace": WORKSPACE, "address": str(connection)}
                await at.execute(text(ADD_CONNECTION), {**names, **place})
            mapping = {"id": MAPPING.mapping, "workspace": WORKSPACE}
            await at.execute(text(ADD_MAPPING), mapping)
            version = {"id": MAPPING.mapping, "document": DOCUMENT}
            await at.execute(text(ADD_VERSION), version)
            ends = {"source": ROUTE.source, "target": ROUTE.target, "mapping": MAPPING.mapping}
            policy = json.dumps(encode_policy(ROUTE.policy))
            values = {"id": ROUTE.id, "workspace": WORKSPACE, "policy": policy}
            await at.execute(text(ADD_ROUTE), {**ends, **values})

    def run(self, work: Callable[[World], Awaitable[Any]]) -> Any:
        async def outcome() -> Any:
            return await work(self)

        return self._runner.run(outcome())

    async def now(self) -> datetime:
        (row,) = await self._ask("SELECT clock_timestamp() AS now")
        return cast("datetime", row.now)

    async def pass_time(self, seconds: float) -> None:
        async with self._engine.begin() as at:
            for dated in ("lanes.due_at", "deliveries.due_at", "leases.until", *PULSES):
                table, column = dated.split(".")
                back = f"UPDATE {table} SET {column} = {column} - make_interval(secs => :s)"  # noqa: S608 - named above
                await at.execute(text(back), {"s": seconds})

    async def tick(self) -> None:
        """PostgreSQL's clock does so by itself."""

    async def resume(self, connection: ConnectionId) -> None:
        await ConnectionStore(self._engine).set_state(connection, "active")

    async def lanes_and_deliveries(self) -> tuple[list[Any], list[Any]]:
        lanes = [tuple(row) for row in await self._ask(LANES)]
        return lanes, [tuple(row) for row in await self._ask(DELIVERIES)]

    async def _ask(self, query: str) -> Any:
        async with self._engine.begin() as at:
            return (await at.execute(text(query))).all()

    def close(self) -> None:
        self._runner.run(self._engine.dispose())
        self._runner.close()
