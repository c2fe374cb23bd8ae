"""Conversations, and their counterparts in CRMs."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.types import Boolean, Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    Identity,
    OpenedConversation,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.db.tables import Moment
from middleware.store.errors import StoreConflict
from middleware.store.postgres.columns import arrays, by_column
from middleware.store.rows import ConversationRow, OpenedRow

Place = tuple[ConnectionId, str]

WORKSPACES = text("SELECT id, workspace_id FROM connections WHERE id = ANY(:ids)").bindparams(
    *arrays(ids=Uuid)
)
ADD_CONVERSATIONS = text(
    """
    INSERT INTO conversations (id, workspace_id, connection_id, external, contact_id)
    SELECT * FROM unnest(:id, :workspace, :connection, :external, :contact)
        AS given(id, workspace_id, connection_id, external, contact_id)
    ORDER BY connection_id, external
    ON CONFLICT DO NOTHING
    """
).bindparams(*arrays(id=Uuid, workspace=Uuid, connection=Uuid, external=Text, contact=Uuid))
_COLUMNS = (
    "c.id, c.workspace_id, c.connection_id, c.external, c.contact_id, c.reachable, c.thread_id"
)
ADOPT = text(
    "UPDATE conversations AS c SET contact_id = coalesce(contact_id, :contact) "  # noqa: S608 - a constant of this module
    f"WHERE id = :id RETURNING {_COLUMNS}"
)
CONVERSATIONS_AT = text(
    f"SELECT {_COLUMNS} FROM conversations AS c "  # noqa: S608 - as above
    "JOIN unnest(:connection, :external) AS asked(connection_id, external) "
    "USING (connection_id, external)"
).bindparams(*arrays(connection=Uuid, external=Text))
CONVERSATION = text(
    f"SELECT {_COLUMNS} FROM conversations AS c WHERE id = :id"  # noqa: S608 - as above
)
CONVERSATION_IN_CRM = text(
    f"SELECT {_COLUMNS} FROM conversations AS c "  # noqa: S608 - as above
    "JOIN conversation_links AS o ON o.conversation_id = c.id "
    "WHERE o.connection_id = :connection AND (o.external = :external OR o.ours = :ours) "
    "ORDER BY o.external = :external DESC LIMIT 1"
)
# What the hub would call the conversation in a CRM that it has not heard from yet.
CONVERSATION_NAMED = text(
    f"SELECT {_COLUMNS} FROM connections AS s "  # noqa: S608 - as above
    "JOIN conversations AS c ON c.connection_id = s.id AND c.external = :exchange "
    "WHERE s.provider = :provider AND s.account = :account AND EXISTS "
    "(SELECT FROM routes AS r WHERE r.source_id = s.id AND r.target_id = :connection) "
    "ORDER BY c.id DESC LIMIT 1"
)
# What was said last decides; a conversation without a word comes last, the newer one first.
CONVERSATIONS_OF = text(
    f"SELECT {_COLUMNS} FROM identities AS i "  # noqa: S608 - as above
    "JOIN connections AS k ON k.id = :crm AND k.workspace_id = i.workspace_id "
    "JOIN conversations AS c ON c.contact_id = i.contact_id "
    "JOIN connections AS s ON s.id = c.connection_id AND s.state <> 'removed' "
    "WHERE i.kind = :kind AND i.value = :value AND i.confidence = 'strong' AND EXISTS "
    "(SELECT FROM routes AS r WHERE r.source_id = c.connection_id AND r.target_id = k.id "
    "AND r.state = 'active') "
    "ORDER BY (SELECT max(m.sent_at) FROM messages AS m WHERE m.conversation_id = c.id) "
    "DESC NULLS LAST, c.id DESC"
)
# Whoever was answered before they wrote counts by when the conversation began.
CONVERSATION_OF_RECORD = text(
    f"""
    SELECT {_COLUMNS} FROM conversations AS c
    WHERE EXISTS (SELECT FROM routes AS r
                  WHERE r.source_id = c.connection_id AND r.target_id = :connection
                    AND r.state = 'active')
      AND c.contact_id IN (
        SELECT k.contact_id FROM contact_links AS k
        WHERE k.connection_id = :connection AND k.record = :record AND k.state = 'live'
        UNION
        SELECT d.contact_id FROM deals AS d
        WHERE d.connection_id = :connection AND d.deal = :deal)
    ORDER BY c.reachable DESC,
        (SELECT max(m.sent_at) FROM messages AS m
         WHERE m.conversation_id = c.id AND m.connection_id = c.connection_id) DESC NULLS LAST,
        c.id DESC
    LIMIT 1
    """  # noqa: S608 - as above
)
SET_REACHABLE = text("UPDATE conversations SET reachable = :reachable WHERE id = :id")
MOVE_CONVERSATION = text(
    """
    UPDATE conversations SET external = :new
    WHERE connection_id = :connection AND external = :old
      AND NOT EXISTS (SELECT FROM conversations
                      WHERE connection_id = :connection AND external = :new)
    """
)
OPENED = text(
    """
    SELECT conversation_id, connection_id, external, customer, ours, record, opened_at,
        behind_since, asks, begun_there
    FROM conversation_links WHERE conversation_id = ANY(:conversation)
    """
).bindparams(*arrays(conversation=Uuid))
SET_OPENED = text(
    """
    INSERT INTO conversation_links
        (conversation_id, connection_id, external, customer, ours, record, opened_at, behind_since,
         begun_there)
    SELECT * FROM unnest(:conversation, :target, :external, :customer, :ours, :record, :opened_at,
            :behind_since, :begun_there)
        AS given(conversation_id, connection_id, external, customer, ours, record, opened_at,
            behind_since, begun_there)
    ORDER BY conversation_id, connection_id
    ON CONFLICT (conversation_id, connection_id) DO UPDATE
    SET external = excluded.external, customer = excluded.customer, record = excluded.record,
        begun_there = conversation_links.begun_there AND excluded.begun_there
    """
).bindparams(
    *arrays(conversation=Uuid, target=Uuid, external=Text, customer=Text, ours=Text, record=Text),
    *arrays(opened_at=Moment, behind_since=Moment, begun_there=Boolean),
)
LOCK_OPENED = text(
    """
    SELECT FROM conversation_links
    WHERE conversation_id = :conversation AND connection_id = :target FOR UPDATE
    """
)
CAUGHT_UP = text(
    """
    UPDATE conversation_links SET behind_since = NULL, asks = false
    WHERE conversation_id = :conversation AND connection_id = :target
    """
)


async def conversations_at(
    at: Session, places: Collection[Place]
) -> Mapping[Place, ConversationRow]:
    asked = [{"connection": connection, "external": external} for connection, external in places]
    rows = map(_conversation, await at.execute(CONVERSATIONS_AT, by_column(asked)))
    return {(row.connection, row.external): row for row in rows}


async def add_conversations(at: Session, new: Sequence[ConversationRow]) -> None:
    """Raises: `StoreConflict` when one of them is there meanwhile."""
    rows = [
        {
            "id": each.id,
            "workspace": each.workspace,
            "connection": each.connection,
            "external": each.external,
            "contact": each.contact,
        }
        for each in new
    ]
    if (await at.execute(ADD_CONVERSATIONS, by_column(rows))).rowcount < len(new):
        raise StoreConflict("a conversation began beside us")


async def adopt(at: Session, wanted: ConversationId, contact: ContactId) -> ConversationRow:
    """Give a conversation of nobody to a contact. One that is somebody's stays so."""
    values = {"id": wanted, "contact": contact}
    return _conversation((await at.execute(ADOPT, values)).one())


async def workspaces_of(
    at: Session, connections: Sequence[ConnectionId]
) -> Mapping[ConnectionId, WorkspaceId]:
    rows = await at.execute(WORKSPACES, {"ids": connections})
    return {ConnectionId(row.id): WorkspaceId(row.workspace_id) for row in rows}


async def conversations_of(
    at: Session, identity: Identity, crm: ConnectionId
) -> tuple[ConversationRow, ...]:
    values = {"crm": crm, "kind": identity.kind, "value": identity.value}
    return tuple(map(_conversation, await at.execute(CONVERSATIONS_OF, values)))


async def conversation(at: Session, wanted: ConversationId) -> ConversationRow:
    return _conversation((await at.execute(CONVERSATION, {"id": wanted})).one())


async def conversation_in_crm(
    at: Session, connection: ConnectionId, external: str, ours: str
) -> ConversationRow | None:
    values = {"connection": connection, "external": external, "ours": ours}
    row = (await at.execute(CONVERSATION_IN_CRM, values)).first()
    if row is None and ours.count(":") >= 2:
        provider, account, exchange = ours.split(":", 2)
        names = {"provider": provider, "account": account, "exchange": exchange}
        row = (await at.execute(CONVERSATION_NAMED, {**names, "connection": connection})).first()
    return None if row is None else _conversation(row)


async def conversation_of_record(
    at: Session, connection: ConnectionId, record: str, deal: str
) -> ConversationRow | None:
    values = {"connection": connection, "record": record, "deal": deal}
    row = (await at.execute(CONVERSATION_OF_RECORD, values)).first()
    return None if row is None else _conversation(row)


def _conversation(row: Any) -> ConversationRow:
    return ConversationRow(
        id=ConversationId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        connection=ConnectionId(row.connection_id),
        external=row.external,
        contact=None if row.contact_id is None else ContactId(row.contact_id),
        reachable=row.reachable,
        thread=None if row.thread_id is None else ContactId(row.thread_id),
    )


async def opened(
    at: Session, conversations: Collection[ConversationId]
) -> Mapping[tuple[ConversationId, ConnectionId], OpenedRow]:
    """Return the counterparts of conversations, by conversation and CRM."""
    return {
        (ConversationId(row.conversation_id), ConnectionId(row.connection_id)): OpenedRow(
            opened=OpenedConversation(id=row.external, user=row.customer),
            ours=row.ours,
            record=row.record,
            opened_at=row.opened_at,
            behind_since=row.behind_since,
            asks=row.asks,
            begun_there=row.begun_there,
        )
        for row in await at.execute(OPENED, {"conversation": list(conversations)})
    }


async def set_opened(
    at: Session, opened: Mapping[tuple[ConversationId, ConnectionId], OpenedRow]
) -> None:
    rows = [
        {
            "conversation": conversation,
            "target": target,
            "external": counterpart.opened.id,
            "customer": counterpart.opened.user,
            "ours": counterpart.ours,
            "record": counterpart.record,
            "opened_at": counterpart.opened_at,
            "behind_since": counterpart.behind_since,
            "begun_there": counterpart.begun_there,
        }
        for (conversation, target), counterpart in opened.items()
    ]
    await at.execute(SET_OPENED, by_column(rows))
