"""Finding what an id belongs to, and reading everything around it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Uuid

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    MessageId,
    WorkspaceId,
)
from middleware.db.engine import transaction
from middleware.db.tables import connections, deliveries
from middleware.operations.deliveries.store import LINE, line_of
from middleware.operations.people.store import JOINS_OF
from middleware.operations.trace.applied.store import applied_in
from middleware.operations.trace.model import (
    ArrivalTrace,
    Body,
    ClaimTrace,
    ContactTrace,
    ConversationTrace,
    CounterpartTrace,
    DealTrace,
    DeliveryTrace,
    FactTrace,
    IdentityTrace,
    Ids,
    JoinTrace,
    LinkTrace,
    MessageTrace,
    NameTrace,
    Subject,
    SubjectKind,
)
from middleware.operations.trace.tried.store import tried_in
from middleware.store.codec import decode_message, decode_profile
from middleware.webhooks.keys import digest_of

T = TypeVar("T")

MOST_MESSAGES = 30
MOST_BODIES = 300
OF_NO_MESSAGE = (
    DeliveryKind.ENSURE_CONTACT,
    DeliveryKind.ENSURE_DEAL,
    DeliveryKind.OPEN_CONVERSATION,
    DeliveryKind.READ_HISTORY,
    DeliveryKind.REFUSE,
)

IDS = bindparam("ids", type_=ARRAY(Uuid))
OF_ID = text(
    """
    SELECT 'delivery' AS kind, id, message_id, conversation_id, contact_id FROM deliveries
    WHERE id = :id AND workspace_id = :workspace
    UNION ALL SELECT 'message', id, id, conversation_id, NULL FROM messages
    WHERE id = :id AND workspace_id = :workspace
    UNION ALL SELECT 'conversation', id, NULL, id, contact_id FROM conversations
    WHERE id = :id AND workspace_id = :workspace
    UNION ALL SELECT 'contact', id, NULL, NULL, id FROM contacts
    WHERE id = :id AND workspace_id = :workspace
    """
)
OF_MESSAGE_NAME = text(
    """
    SELECT DISTINCT n.message_id FROM names AS n JOIN connections AS c ON c.id = n.connection_id
    WHERE c.workspace_id = :workspace AND n.digest = :digest LIMIT 10
    """
)
OF_CONVERSATION_NAME = text(
    """
    SELECT v.id, v.contact_id FROM conversations AS v
    LEFT JOIN conversation_links AS l ON l.conversation_id = v.id
    WHERE v.workspace_id = :workspace
      AND (v.external = :name OR l.external = :name OR l.ours = :name) LIMIT 1
    """
)
OF_RECORD = text(
    """
    SELECT l.contact_id FROM contact_links AS l JOIN connections AS c ON c.id = l.connection_id
    WHERE c.workspace_id = :workspace AND l.record = :name
    UNION ALL
    SELECT d.contact_id FROM deals AS d JOIN connections AS c ON c.id = d.connection_id
    WHERE c.workspace_id = :workspace AND d.deal = :name LIMIT 1
    """
)
_BODY = """
    SELECT i.connection_id, c.title, i.arrival, i.form, i.state, i.note, i.tries, i.received_at,
        i.digest, b.body
    FROM inbox AS i JOIN connections AS c ON c.id = i.connection_id
"""
ARRIVAL = text(
    _BODY
    + """
    LEFT JOIN bodies AS b ON b.received_at = i.received_at
      AND b.connection_id = i.connection_id AND b.digest = i.digest
    WHERE c.workspace_id = :workspace AND i.arrival = :arrival
    """
)
# By time, because only bodies have an index of it; a parcel is recorded soon after it came.
ARRIVED_BEFORE = text(
    _BODY
    + """
    JOIN bodies AS b ON b.received_at = i.received_at
      AND b.connection_id = i.connection_id AND b.digest = i.digest
    WHERE b.connection_id = :connection AND b.received_at <= :moment
      AND b.received_at > CAST(:moment AS timestamptz) - interval '1 day' AND i.state = 'read'
    ORDER BY b.received_at DESC, i.arrival DESC LIMIT :limit
    """
)
CONTACT = text("SELECT id, profile, created_at FROM contacts WHERE id = :id")
IDENTITIES = text(
    """
    SELECT kind, value, evidence, confidence, since FROM identities
    WHERE contact_id = :id ORDER BY since, kind, value
    """
)
CLAIMS = text(
    """
    SELECT kind, value, evidence, holder_id AS holder, at FROM claims
    WHERE contact_id = :id ORDER BY at
    """
)
LINKS = text(
    """
    SELECT l.connection_id AS connection, c.title, l.record, l.state, l.evidence, l.since
    FROM contact_links AS l JOIN connections AS c ON c.id = l.connection_id
    WHERE l.contact_id = :id ORDER BY l.since
    """
)
DEALS = text(
    """
    SELECT d.connection_id AS connection, c.title, d.deal, d.record, d.state, d.evidence, d.seen_at
    FROM deals AS d JOIN connections AS c ON c.id = d.connection_id
    WHERE d.contact_id = :id ORDER BY d.seen_at
    """
)
CONVERSATIONS = text(
    """
    SELECT v.id, v.connection_id AS connection, c.title, v.external, v.contact_id AS contact,
        v.reachable, v.created_at
    FROM conversations AS v JOIN connections AS c ON c.id = v.connection_id
    WHERE v.workspace_id = :workspace AND (v.id = ANY(:ids) OR v.contact_id = :contact)
    ORDER BY v.created_at LIMIT 50
    """
).bindparams(IDS, bindparam("contact", type_=Uuid))
COUNTERPARTS = text(
    """
    SELECT l.conversation_id, l.connection_id AS connection, c.title, l.external, l.ours,
        l.record, l.opened_at, l.behind_since
    FROM conversation_links AS l JOIN connections AS c ON c.id = l.connection_id
    WHERE l.conversation_id = ANY(:ids) ORDER BY l.opened_at
    """
).bindparams(IDS)
LATEST_MESSAGES = text(
    """
    SELECT id FROM messages WHERE conversation_id = ANY(:ids) ORDER BY sent_at DESC LIMIT :limit
    """
).bindparams(IDS)
MESSAGES = text(
    """
    SELECT m.*, c.title FROM messages AS m JOIN connections AS c ON c.id = m.connection_id
    WHERE m.id = ANY(:ids) ORDER BY m.sent_at, m.id
    """
).bindparams(IDS)
NAMES = text(
    """
    SELECT n.message_id, n.connection_id AS connection, c.title, coalesce(n.name, '') AS name,
        n.part
    FROM names AS n JOIN connections AS c ON c.id = n.connection_id
    WHERE n.message_id = ANY(:ids) ORDER BY n.part, n.name
    """
).bindparams(IDS)
FACTS = text(
    """
    SELECT message_id, kind, revision, at FROM facts WHERE message_id = ANY(:ids) ORDER BY revision
    """
).bindparams(IDS)


@dataclass(frozen=True, slots=True)
class TraceStore:
    """What is known in one workspace about one subject."""

    engine: AsyncEngine
    workspace: WorkspaceId

    async def of_id(self, wanted: UUID) -> Subject | None:
        """Find what one of our own ids belongs to."""
        async with transaction(self.engine) as at:
            values = {"id": wanted, "workspace": self.workspace}
            row = (await at.execute(OF_ID, values)).first()
        if row is None:
            return None
        kind: SubjectKind = row.kind
        return Subject(
            kind=kind,
            messages=() if row.message_id is None else (MessageId(row.message_id),),
            conversation=row.conversation_id,
            contact=row.contact_id,
            delivery=DeliveryId(wanted) if kind == "delivery" else None,
        )

    async def of_name(self, name: str) -> Subject | None:
        """Find what a provider's id belongs to: a message, a conversation, a record or a deal."""
        about = {"workspace": self.workspace, "name": name, "digest": digest_of(name)}
        async with transaction(self.engine) as at:
            found = (await at.execute(OF_MESSAGE_NAME, about)).scalars().all()
            if found:
                return Subject(kind="message", messages=tuple(MessageId(id_) for id_ in found))
            at_conversation = (await at.execute(OF_CONVERSATION_NAME, about)).first()
            if at_conversation is not None:
                conversation = ConversationId(at_conversation.id)
                return Subject(
                    kind="conversation",
                    conversation=conversation,
                    contact=at_conversation.contact_id,
                )
            contact = (await at.execute(OF_RECORD, about)).scalar()
        return None if contact is None else Subject(kind="contact", contact=ContactId(contact))

    async def named(self, names: Sequence[str]) -> tuple[MessageId, ...]:
        """Find the messages that some names of a provider belong to."""
        found: dict[MessageId, None] = {}
        async with transaction(self.engine) as at:
            for name in names:
                values = {"workspace": self.workspace, "digest": digest_of(name)}
                for id_ in (await at.execute(OF_MESSAGE_NAME, values)).scalars():
                    found[MessageId(id_)] = None
        return tuple(found)

    async def arrival(self, number: int) -> Body | None:
        """Find a parcel; its content is empty when its body is not kept any more."""
        async with transaction(self.engine) as at:
            values = {"workspace": self.workspace, "arrival": number}
            row = (await at.execute(ARRIVAL, values)).mappings().first()
        return None if row is None else _body(row)

    async def arrived_before(self, connection: ConnectionId, moment: datetime) -> tuple[Body, ...]:
        """Return the parcels that came and were read before then, the latest first."""
        values = {"connection": connection, "moment": moment, "limit": MOST_BODIES}
        async with transaction(self.engine) as at:
            return tuple(
                _body(row) for row in (await at.execute(ARRIVED_BEFORE, values)).mappings()
            )

    async def contact(self, contact: ContactId) -> ContactTrace | None:
        async with transaction(self.engine) as at:
            row = (await at.execute(CONTACT, {"id": contact})).first()
            if row is None:
                return None
            return ContactTrace(
                id=contact,
                name=decode_profile(row.profile, ()).name,
                created_at=row.created_at,
                identities=await _all(at, IDENTITIES, contact, IdentityTrace),
                claims=await _all(at, CLAIMS, contact, ClaimTrace),
                links=await _all(at, LINKS, contact, LinkTrace),
                deals=await _all(at, DEALS, contact, DealTrace),
                joins=await _all(at, JOINS_OF, contact, JoinTrace),
            )

    async def conversations(
        self, ids: Ids, contact: ContactId | None
    ) -> tuple[ConversationTrace, ...]:
        values = {"workspace": self.workspace, "ids": list(ids), "contact": contact}
        async with transaction(self.engine) as at:
            rows = (await at.execute(CONVERSATIONS, values)).mappings().all()
            found = {"ids": [row["id"] for row in rows]}
            counterparts = _by(
                "conversation_id", (await at.execute(COUNTERPARTS, found)).mappings()
            )
        return tuple(
            ConversationTrace(
                **row,
                counterparts=tuple(CounterpartTrace(**each) for each in counterparts[row["id"]]),
            )
            for row in rows
        )

    async def latest_messages(self, conversations: Ids) -> tuple[MessageId, ...]:
        values = {"ids": list(conversations), "limit": MOST_MESSAGES}
        async with transaction(self.engine) as at:
            rows = (await at.execute(LATEST_MESSAGES, values)).scalars()
            return tuple(MessageId(id_) for id_ in rows)

    async def messages(self, ids: Ids) -> tuple[MessageTrace, ...]:
        """Return messages in order, with their names, corrections and deliveries."""
        found = {"ids": list(ids)}
        async with transaction(self.engine) as at:
            rows = (await at.execute(MESSAGES, found)).mappings().all()
            names = _by("message_id", (await at.execute(NAMES, found)).mappings())
            facts = _by("message_id", (await at.execute(FACTS, found)).mappings())
            owed = await _deliveries(at, deliveries.c.message_id.in_(ids))
        around = _Around(names=names, facts=facts, owed=owed)
        return tuple(_message(row, around) for row in rows)

    async def prerequisites(self, subjects: Ids) -> tuple[DeliveryTrace, ...]:
        """Return what was owed about people and conversations, rather than about messages."""
        of, ours = deliveries.c, connections.c.workspace_id == self.workspace
        condition = (
            of.target_id.in_(select(connections.c.id).where(ours))
            & of.kind.in_(OF_NO_MESSAGE)
            & of.subject.in_(subjects)
        )
        async with transaction(self.engine) as at:
            return await _deliveries(at, condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    names: Mapping[UUID, list[dict[str, Any]]]
    facts: Mapping[UUID, list[dict[str, Any]]]
    owed: tuple[DeliveryTrace, ...]


def _message(row: RowMapping, around: _Around) -> MessageTrace:
    said = decode_message(row["content"]) if row["content"] is not None else None
    return MessageTrace(
        id=MessageId(row["id"]),
        conversation=ConversationId(row["conversation_id"]),
        connection=ConnectionId(row["connection_id"]),
        title=row["title"],
        direction=row["direction"],
        status=row["status"],
        operator=row["operator_id"],
        sent_at=row["sent_at"],
        recorded_at=row["recorded_at"],
        origin=said.origin.message if said is not None else "",
        text=said.text if said is not None else "",
        attachments=tuple(each.kind for each in said.attachments) if said is not None else (),
        names=tuple(NameTrace(**each) for each in around.names[row["id"]]),
        facts=tuple(FactTrace(**each) for each in around.facts[row["id"]]),
        deliveries=tuple(each for each in around.owed if each.line.message == row["id"]),
    )


async def _deliveries(at: AsyncConnection, condition: Any) -> tuple[DeliveryTrace, ...]:
    query = LINE.where(condition).order_by(deliveries.c.created_at, deliveries.c.part).limit(200)
    rows = (await at.execute(query)).mappings().all()
    tried = await tried_in(at, [row["id"] for row in rows])
    mapped = await applied_in(at, {row["id"]: row["detail"] for row in rows})
    return tuple(
        DeliveryTrace(
            line_of(row),
            tuple(tried[row["id"]]),
            mapped.get(row["id"]),
        )
        for row in rows
    )


def _body(row: RowMapping) -> Body:
    trace = ArrivalTrace(
        connection=ConnectionId(row["connection_id"]),
        title=row["title"],
        arrival=row["arrival"],
        form=row["form"],
        state=row["state"],
        note=row["note"],
        tries=row["tries"],
        received_at=row["received_at"],
    )
    return Body(trace, row["digest"], row["body"] or b"")


async def _all(at: AsyncConnection, query: Any, contact: UUID, made: type[T]) -> tuple[T, ...]:
    rows = await at.execute(query, {"id": contact})
    return tuple(made(**row) for row in rows.mappings())


def _by(key: str, rows: Any) -> Mapping[UUID, list[dict[str, Any]]]:
    """Gather rows under what they belong to, which is left out of them."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        values = dict(row)
        found[values.pop(key)].append(values)
    return found
