"""Contacts in the one transaction in which a person decides about them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import ConnectionId, ContactId, DeliveryKind, DeliveryState, Person
from middleware.db.engine import transaction
from middleware.errors import NotFound
from middleware.ids import uuid7
from middleware.operations.access.store import note
from middleware.operations.model import Caller, InterruptedWork
from middleware.operations.people.model import (
    ClaimAt,
    DealAt,
    JoinKind,
    JoinRow,
    KnownIdentity,
    Moves,
    OwedAt,
    RecordAt,
    Side,
    Talk,
)
from middleware.pipeline.rules import history_lane, prerequisite_lane
from middleware.store.codec import encode_profile
from middleware.store.errors import StoreConflict
from middleware.store.postgres.columns import by_column
from middleware.store.postgres.people import ADD_CONTACTS
from middleware.store.postgres.unit import PostgresUnit

T = TypeVar("T")
TRIES = 6
MOVES = TypeAdapter(Moves)

IDS = bindparam("ids", type_=ARRAY(Uuid))
KEYS = bindparam("keys", type_=ARRAY(Text))
PAIRS = (bindparam("ones", type_=ARRAY(Uuid)), bindparam("others", type_=ARRAY(Text)))
# In this order: what intake takes first, then what it and the settling take afterwards.
LOCK_CONTACTS = text(
    """
    SELECT id FROM contacts WHERE id = ANY(:ids) AND workspace_id = :workspace
    ORDER BY id FOR NO KEY UPDATE
    """
).bindparams(IDS)
LOCK_IDENTITIES = text(
    "SELECT FROM identities WHERE contact_id = ANY(:ids) ORDER BY kind, value FOR UPDATE"
).bindparams(IDS)
LOCK_LANES = text(
    """
    SELECT FROM lanes WHERE key = ANY(:keys)
      AND target_id IN (SELECT id FROM connections WHERE workspace_id = :workspace)
    ORDER BY id FOR UPDATE
    """
).bindparams(KEYS)
FIND_CONTACTS = text(
    "SELECT id FROM contacts WHERE id = ANY(:ids) AND workspace_id = :workspace"
).bindparams(IDS)
IDENTITIES = text(
    "SELECT kind, value FROM identities WHERE contact_id = :id ORDER BY since, kind, value"
)
TALKS = text(
    """
    SELECT v.id, v.connection_id AS connection, c.provider, v.external, v.thread_id AS thread
    FROM conversations AS v JOIN connections AS c ON c.id = v.connection_id
    WHERE v.contact_id = :id ORDER BY v.id
    """
)
RECORDS = text(
    """
    SELECT l.connection_id AS connection, c.title, l.record, l.state = 'live' AS live
    FROM contact_links AS l JOIN connections AS c ON c.id = l.connection_id
    WHERE l.contact_id = :id ORDER BY l.since, l.connection_id
    """
)
DEALS = text("SELECT connection_id AS connection, deal FROM deals WHERE contact_id = :id")
# By what has an index: messages of its conversations, and lanes that are its own.
OWED = text(
    """
    SELECT d.id, d.target_id AS target, d.kind, d.state, d.subject,
        d.conversation_id AS conversation
    FROM deliveries AS d
    WHERE d.contact_id = :id AND d.state NOT IN ('done', 'skipped') AND d.id IN (
        SELECT o.id FROM conversations AS v JOIN messages AS m ON m.conversation_id = v.id
        JOIN deliveries AS o ON o.message_id = m.id WHERE v.contact_id = :id
        UNION ALL
        SELECT o.id FROM connections AS c JOIN lanes AS l ON l.target_id = c.id
        JOIN deliveries AS o ON o.lane_id = l.id
        WHERE c.workspace_id = :workspace AND l.key = ANY(:keys))
    ORDER BY d.id
    """
).bindparams(KEYS)
CLAIMS = text(
    """
    SELECT a.id, a.contact_id AS contact, a.holder_id AS holder, a.kind, a.value, a.decision,
        (SELECT count(*) FROM claims AS o JOIN contacts AS p ON p.id = o.contact_id
         WHERE p.workspace_id = :workspace AND o.kind = a.kind AND o.value = a.value) AS claimants
    FROM claims AS a WHERE a.contact_id = :id OR a.holder_id = :id ORDER BY a.at, a.id
    """
)
MOVE_IDENTITIES = text(
    """
    UPDATE identities SET contact_id = :to FROM unnest(:kinds, :values) AS given(kind, value)
    WHERE contact_id = :from AND identities.kind = given.kind AND identities.value = given.value
    """
).bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("values", type_=ARRAY(Text)))
MOVE_CONVERSATIONS = text(
    """
    UPDATE conversations SET contact_id = :to,
        thread_id = CASE WHEN id = ANY(:threads) THEN :thread ELSE thread_id END
    WHERE contact_id = :from AND id = ANY(:ids)
    """
).bindparams(IDS, bindparam("threads", type_=ARRAY(Uuid)), bindparam("thread", type_=Uuid))
MOVE_DELIVERIES = text(
    "UPDATE deliveries SET contact_id = :to WHERE contact_id = :from AND id = ANY(:ids)"
).bindparams(IDS)
MOVE_CLAIMS = text(
    "UPDATE claims SET contact_id = :to WHERE contact_id = :from AND id = ANY(:ids)"
).bindparams(IDS)
MOVE_HOLDS = text(
    "UPDATE claims SET holder_id = :to WHERE holder_id = :from AND id = ANY(:ids)"
).bindparams(IDS)
MOVE_DEALS = text(
    """
    UPDATE deals SET contact_id = :to FROM unnest(:ones, :others) AS given(connection, deal)
    WHERE contact_id = :from AND connection_id = given.connection AND deals.deal = given.deal
    """
).bindparams(*PAIRS)
TAKE_LINKS = text(
    """
    DELETE FROM contact_links WHERE contact_id IN (:from, :to) AND connection_id = ANY(:ids)
    RETURNING *
    """
).bindparams(IDS)
PUT_LINK = text(
    """
    INSERT INTO contact_links (contact_id, connection_id, record, state, evidence, since)
    VALUES (:contact_id, :connection_id, :record, :state, :evidence, :since)
    """
)
SET_LINKS = text(
    """
    UPDATE contact_links SET state = :state
    FROM unnest(:ones, :others) AS given(connection, record)
    WHERE contact_id = :contact AND connection_id = given.connection
      AND contact_links.record = given.record
    """
).bindparams(*PAIRS)
DECIDE = text(
    """
    UPDATE claims SET decision = :decision, decided_by = :by, decided_at = clock_timestamp()
    WHERE id = ANY(:ids) AND decision = ''
    """
).bindparams(IDS)
REOPEN = text(
    """
    UPDATE claims SET decision = '', decided_by = '', decided_at = NULL
    WHERE id = ANY(:ids) AND decision = 'same'
    """
).bindparams(IDS)
ADD_JOIN = text(
    """
    INSERT INTO joins (id, workspace_id, kind, kept_id, joined_id, moved, by)
    VALUES (:id, :workspace, :kind, :kept, :joined, :moved, :by)
    """
).bindparams(bindparam("moved", type_=JSONB), bindparam("joined", type_=Uuid))
JOIN = text(
    """
    SELECT id, kind, kept_id, joined_id, moved, undone_at FROM joins
    WHERE id = :id AND workspace_id = :workspace FOR UPDATE
    """
)
JOINS_OF = text(
    """
    SELECT id, kind, kept_id AS kept, joined_id AS joined, by, at, undone_at FROM joins
    WHERE kept_id = :id OR joined_id = :id ORDER BY at
    """
)
CLOSE_JOIN = text("UPDATE joins SET undone_at = clock_timestamp(), undone_by = :by WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction of a person's. What was locked stands until it ends."""

    at: AsyncConnection
    unit: PostgresUnit
    caller: Caller

    async def lock(self, *contacts: ContactId) -> None:
        """Keep traffic and other people away from these contacts."""
        ids = {"ids": list(contacts)}
        keys = [
            prerequisite_lane(kind, contact)
            for contact in contacts
            for kind in (DeliveryKind.ENSURE_CONTACT, DeliveryKind.ENSURE_DEAL)
        ]
        workspace = {"workspace": self.caller.workspace}
        await self.at.execute(LOCK_CONTACTS, {**ids, **workspace})
        await self.at.execute(LOCK_IDENTITIES, ids)
        await self.at.execute(LOCK_LANES, {"keys": keys, **workspace})

    async def side(self, contact: ContactId) -> Side:
        """Say how a contact stands. Raises: `NotFound`."""
        about = {"id": contact, "workspace": self.caller.workspace}
        known = {"ids": [contact], "workspace": self.caller.workspace}
        if (await self.at.execute(FIND_CONTACTS, known)).first() is None:
            raise NotFound(f"There is no contact {contact}.")
        talks = tuple([Talk(**row) for row in await self._rows(TALKS, about)])
        keys = {"keys": _lanes_of(contact, talks)}
        return Side(
            id=contact,
            identities=tuple([KnownIdentity(**r) for r in await self._rows(IDENTITIES, about)]),
            talks=talks,
            records=tuple([RecordAt(**row) for row in await self._rows(RECORDS, about)]),
            deals=tuple([DealAt(**row) for row in await self._rows(DEALS, about)]),
            owed=tuple([_owed(row) for row in await self._rows(OWED, {**about, **keys})]),
            claims=tuple([_claim(dict(row)) for row in await self._rows(CLAIMS, about)]),
        )

    async def _rows(self, query: Any, values: dict[str, Any]) -> Sequence[Any]:
        return (await self.at.execute(query, values)).mappings().all()

    async def new_contact(self) -> ContactId:
        """Make a contact that nobody has met yet: the next message says who it is."""
        contact = ContactId(uuid7())
        profile = encode_profile(Person(identities=()))
        values = {"id": contact, "workspace": self.caller.workspace, "profile": profile}
        await self.at.execute(ADD_CONTACTS, by_column([values]))
        return contact

    async def move(
        self, moves: Moves, source: Side, target: ContactId, *, thread: ContactId | None
    ) -> None:
        """Give to `target` what is `source`'s; `thread` becomes the lane of `moves.threads`."""
        ends = {"from": source.id, "to": target}
        named = [each for each in source.identities if each.name in moves.identities]
        chosen = {"kinds": [e.kind for e in named], "values": [e.value for e in named]}
        await self.at.execute(MOVE_IDENTITIES, {**ends, **chosen})
        threads = {"threads": list(moves.threads), "thread": thread}
        talks = {"ids": list(moves.conversations)}
        await self.at.execute(MOVE_CONVERSATIONS, {**ends, **talks, **threads})
        await self.at.execute(MOVE_DEALS, {**ends, **_pairs(moves.deals)})
        await self._swap_links([connection for connection, _ in moves.records], ends)
        for statement, ids in (
            (MOVE_DELIVERIES, moves.deliveries),
            (MOVE_CLAIMS, moves.claims),
            (MOVE_HOLDS, moves.holds),
        ):
            await self.at.execute(statement, {**ends, "ids": list(ids)})

    async def _swap_links(
        self, connections: Sequence[ConnectionId], ends: dict[str, ContactId]
    ) -> None:
        """Exchange the links of two contacts: what is put back finds what it replaced."""
        taken = await self._rows(TAKE_LINKS, {**ends, "ids": list(connections)})
        for row in taken:
            goes = ends["from"] if row["contact_id"] == ends["to"] else ends["to"]
            await self.at.execute(PUT_LINK, {**row, "contact_id": goes})

    async def set_records(
        self, contact: ContactId, records: Sequence[tuple[ConnectionId, str]], state: str
    ) -> None:
        values = {"contact": contact, "state": state}
        await self.at.execute(SET_LINKS, {**values, **_pairs(records)})

    async def decide(self, claims: Sequence[UUID], decision: str) -> bool:
        """Answer what is open of them. False when nothing is."""
        values = {"ids": list(claims), "decision": decision, "by": self.caller.name}
        return bool((await self.at.execute(DECIDE, values)).rowcount)

    async def reopen(self, claims: Sequence[UUID]) -> None:
        await self.at.execute(REOPEN, {"ids": list(claims)})

    async def record(
        self, kind: JoinKind, kept: ContactId, joined: ContactId | None, moves: Moves
    ) -> UUID:
        """Write down what was moved, so that it can be undone."""
        join = uuid7()
        values = {"id": join, "workspace": self.caller.workspace, "by": self.caller.name}
        ends = {"kind": kind, "kept": kept, "joined": joined}
        moved = MOVES.dump_python(moves, mode="json")
        await self.at.execute(ADD_JOIN, {**values, **ends, "moved": moved})
        return join

    async def join(self, join: UUID) -> JoinRow:
        """Raises: `NotFound`."""
        values = {"id": join, "workspace": self.caller.workspace}
        row = (await self.at.execute(JOIN, values)).first()
        if row is None:
            raise NotFound(f"Nothing was joined or taken apart as {join}.")
        return JoinRow(
            id=row.id,
            kind=JoinKind(row.kind),
            kept=ContactId(row.kept_id),
            joined=None if row.joined_id is None else ContactId(row.joined_id),
            moved=MOVES.validate_python(row.moved),
            undone_at=row.undone_at,
        )

    async def close_join(self, join: UUID) -> None:
        await self.at.execute(CLOSE_JOIN, {"id": join, "by": self.caller.name})

    async def note(self, action: str, subject: UUID, **detail: Any) -> None:
        await note(self.at, self.caller, action, str(subject), detail)


async def in_change(
    engine: AsyncEngine, caller: Caller, work: Callable[[Change], Awaitable[T]]
) -> tuple[T, frozenset[ConnectionId]]:
    """Do `work` in one transaction, again from its beginning after a conflict.

    Returns its result and the connections that got something to do.
    Raises: `InterruptedWork` when traffic is always in the way; `StoreUnavailable`.
    """
    for _ in range(TRIES):
        try:
            async with transaction(engine) as at:
                change = Change(at, PostgresUnit(at, uuid7), caller)
                result = await work(change)
                await change.unit.write()
            return result, frozenset(change.unit.touched)
        except StoreConflict:
            continue
    raise InterruptedWork("The contact is busy just now. Nothing was changed: try again.")


def _lanes_of(contact: ContactId, talks: Sequence[Talk]) -> list[str]:
    about = [
        prerequisite_lane(kind, contact)
        for kind in (DeliveryKind.ENSURE_CONTACT, DeliveryKind.ENSURE_DEAL)
    ]
    opened = [prerequisite_lane(DeliveryKind.OPEN_CONVERSATION, talk.id) for talk in talks]
    return [*about, *opened, *(history_lane(talk.id) for talk in talks)]


def _pairs(ties: Sequence[tuple[ConnectionId, str]]) -> dict[str, list[Any]]:
    return {"ones": [one for one, _ in ties], "others": [other for _, other in ties]}


def _owed(row: Any) -> OwedAt:
    words = {"kind": DeliveryKind(row["kind"]), "state": DeliveryState(row["state"])}
    return OwedAt(**{**row, **words})


def _claim(row: dict[str, Any]) -> ClaimAt:
    identity = KnownIdentity(kind=row.pop("kind"), value=row.pop("value"))
    return ClaimAt(identity=identity, **row)
