"""People, their conversations, and what CRMs call them."""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from mappers.vocabulary import (
    Confidence,
    ConnectionId,
    ContactId,
    ConversationId,
    Identity,
    IdentityKind,
    OpenedConversation,
    Person,
    WorkspaceId,
)
from middleware.ids import NewId
from middleware.store.codec import decode_profile, encode_profile
from middleware.store.rows import ContactRow, ConversationRow, LinkRow, OpenedRow

# Whoever moves an identity to another contact waits for us, and we for them: what follows in this
# transaction is said of the contact that has it.
FIND_CONTACT = text(
    """
    SELECT i.contact_id, c.profile FROM identities AS i JOIN contacts AS c ON c.id = i.contact_id
    WHERE i.workspace_id = :workspace AND i.kind = :kind AND i.value = :value
    FOR KEY SHARE OF i
    """
)
PERSON = text("SELECT profile FROM contacts WHERE id = :contact")
IDENTITIES = text(
    """
    SELECT contact_id, kind, value, evidence, confidence FROM identities
    WHERE contact_id = ANY(:ids) ORDER BY since, kind, value
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
ADD_CONTACT = text(
    "INSERT INTO contacts (id, workspace_id, profile) VALUES (:id, :workspace, :profile)"
)
FORGET_CONTACT = text("DELETE FROM contacts WHERE id = :id")
SET_PROFILE = text("UPDATE contacts SET profile = :profile WHERE id = :id")
ADD_IDENTITY = text(
    """
    INSERT INTO identities (workspace_id, kind, value, contact_id, evidence, confidence)
    VALUES (:workspace, :kind, :value, :contact, :evidence, :confidence)
    ON CONFLICT (workspace_id, kind, value) DO UPDATE SET since = identities.since
    RETURNING contact_id, xmax = 0 AS is_new
    """
)
ADD_CLAIM = text(
    """
    INSERT INTO claims (contact_id, kind, value, evidence, holder_id)
    VALUES (:contact, :kind, :value, :evidence, :holder) ON CONFLICT DO NOTHING
    """
)
HINT = text(
    """
    INSERT INTO claims (contact_id, kind, value, evidence, holder_id)
    SELECT :contact, kind, value, :evidence, contact_id FROM identities
    WHERE workspace_id = :workspace AND kind = :kind AND value = :value
      AND confidence = 'strong' AND contact_id <> :contact
    ON CONFLICT DO NOTHING
    """
)
ADD_CONVERSATION = text(
    """
    INSERT INTO conversations (id, workspace_id, connection_id, external, contact_id)
    SELECT :id, workspace_id, id, :external, :contact FROM connections WHERE id = :connection
    ON CONFLICT (connection_id, external) DO UPDATE
    SET contact_id = coalesce(conversations.contact_id, excluded.contact_id)
    RETURNING id, workspace_id, connection_id, external, contact_id, reachable, thread_id
    """
).bindparams(bindparam("contact", type_=Uuid))
_COLUMNS = (
    "c.id, c.workspace_id, c.connection_id, c.external, c.contact_id, c.reachable, c.thread_id"
)
CONVERSATION_AT = text(
    f"SELECT {_COLUMNS} FROM conversations AS c "  # noqa: S608 - a constant of this module
    "WHERE connection_id = :connection AND external = :external"
)
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
LINK = text(
    """
    SELECT record, state, evidence FROM contact_links
    WHERE contact_id = :contact AND connection_id = :target
    """
)
SET_LINK = text(
    """
    INSERT INTO contact_links (contact_id, connection_id, record, evidence)
    VALUES (:contact, :target, :record, :evidence)
    ON CONFLICT (contact_id, connection_id) DO UPDATE
    SET record = excluded.record, evidence = excluded.evidence, state = 'live',
        since = CASE WHEN contact_links.record = excluded.record THEN contact_links.since
                     ELSE clock_timestamp() END
    """
)
DROP_LINKS = text(
    """
    UPDATE contact_links SET state = 'gone'
    WHERE connection_id = :target AND record = :record AND state = 'live'
    """
)
OPENED = text(
    """
    SELECT external, customer, ours, record, opened_at, behind_since, asks, begun_there
    FROM conversation_links
    WHERE conversation_id = :conversation AND connection_id = :target
    """
)
SET_OPENED = text(
    """
    INSERT INTO conversation_links
        (conversation_id, connection_id, external, customer, ours, record, opened_at, behind_since,
         begun_there)
    VALUES (:conversation, :target, :external, :customer, :ours, :record, :opened_at,
        :behind_since, :begun_there)
    ON CONFLICT (conversation_id, connection_id) DO UPDATE
    SET external = excluded.external, customer = excluded.customer, record = excluded.record,
        begun_there = conversation_links.begun_there AND excluded.begun_there
    """
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


async def contact_for(
    at: AsyncConnection, workspace: WorkspaceId, person: Person, new_id: NewId
) -> ContactRow:
    """Find the contact by the first identity, or make one; then learn the other strong ones."""
    contact, is_new = await _by_first_identity(at, workspace, person, new_id)
    learned = []
    for identity in person.identities[1:]:
        if identity.confidence is not Confidence.STRONG:
            continue
        row = (await at.execute(ADD_IDENTITY, _identity(workspace, identity, contact))).one()
        if row.is_new:
            learned.append(identity)
        elif row.contact_id != contact:
            claim = {**_identity(workspace, identity, contact), "holder": row.contact_id}
            await at.execute(ADD_CLAIM, claim)
    return ContactRow(id=contact, is_new=is_new, learned=tuple(learned))


async def hint(
    at: AsyncConnection, workspace: WorkspaceId, contact: ContactId, identity: Identity
) -> None:
    values = _identity(workspace, identity, contact)
    del values["confidence"]
    await at.execute(HINT, values)


async def person(at: AsyncConnection, contact: ContactId) -> Person | None:
    found = (await at.execute(PERSON, {"contact": contact})).first()
    if found is None:
        return None
    rows = await at.execute(IDENTITIES, {"ids": [contact]})
    return decode_profile(found.profile, tuple(map(identity_of, rows)))


def identity_of(row: Any) -> Identity:
    return Identity(
        kind=IdentityKind(row.kind),
        value=row.value,
        evidence=row.evidence,
        confidence=Confidence(row.confidence),
    )


async def _by_first_identity(
    at: AsyncConnection, workspace: WorkspaceId, person: Person, new_id: NewId
) -> tuple[ContactId, bool]:
    first, profile = person.identities[0], encode_profile(person)
    key = {"workspace": workspace, "kind": first.kind, "value": first.value}
    known = (await at.execute(FIND_CONTACT, key)).first()
    if known is not None:
        if profile != known.profile:
            await at.execute(SET_PROFILE, {"id": known.contact_id, "profile": profile})
        return ContactId(known.contact_id), False
    mine = ContactId(new_id())
    await at.execute(ADD_CONTACT, {"id": mine, "workspace": workspace, "profile": profile})
    row = (await at.execute(ADD_IDENTITY, _identity(workspace, first, mine))).one()
    if row.contact_id == mine:
        return mine, True
    # Someone met the same person at the same moment, and was first.
    await at.execute(FORGET_CONTACT, {"id": mine})
    return ContactId(row.contact_id), False


def _identity(workspace: WorkspaceId, identity: Identity, contact: UUID) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "kind": identity.kind,
        "value": identity.value,
        "contact": contact,
        "evidence": identity.evidence,
        "confidence": identity.confidence,
    }


async def conversation_for(
    at: AsyncConnection,
    connection: ConnectionId,
    external: str,
    contact: ContactId | None,
    new_id: NewId,
) -> ConversationRow:
    key = {"connection": connection, "external": external}
    row = (await at.execute(CONVERSATION_AT, key)).first()
    if row is None or (row.contact_id is None and contact is not None):
        values = {**key, "id": new_id(), "contact": contact}
        row = (await at.execute(ADD_CONVERSATION, values)).one()
    return _conversation(row)


async def conversation_at(
    at: AsyncConnection, connection: ConnectionId, external: str
) -> ConversationRow | None:
    values = {"connection": connection, "external": external}
    row = (await at.execute(CONVERSATION_AT, values)).first()
    return None if row is None else _conversation(row)


async def conversations_of(
    at: AsyncConnection, identity: Identity, crm: ConnectionId
) -> tuple[ConversationRow, ...]:
    values = {"crm": crm, "kind": identity.kind, "value": identity.value}
    return tuple(map(_conversation, await at.execute(CONVERSATIONS_OF, values)))


async def conversation(at: AsyncConnection, wanted: ConversationId) -> ConversationRow:
    return _conversation((await at.execute(CONVERSATION, {"id": wanted})).one())


async def conversation_in_crm(
    at: AsyncConnection, connection: ConnectionId, external: str, ours: str
) -> ConversationRow | None:
    values = {"connection": connection, "external": external, "ours": ours}
    row = (await at.execute(CONVERSATION_IN_CRM, values)).first()
    if row is None and ours.count(":") >= 2:
        provider, account, exchange = ours.split(":", 2)
        names = {"provider": provider, "account": account, "exchange": exchange}
        row = (await at.execute(CONVERSATION_NAMED, {**names, "connection": connection})).first()
    return None if row is None else _conversation(row)


async def conversation_of_record(
    at: AsyncConnection, connection: ConnectionId, record: str, deal: str
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


async def link(at: AsyncConnection, contact: ContactId, target: ConnectionId) -> LinkRow | None:
    row = (await at.execute(LINK, {"contact": contact, "target": target})).first()
    if row is None:
        return None
    return link_of(row.record, row.state, row.evidence)


def link_of(record: str, state: str, evidence: str) -> LinkRow:
    return LinkRow(record=record, live=state == "live", evidence=evidence, gone=state == "gone")


async def opened(
    at: AsyncConnection, conversation: ConversationId, target: ConnectionId
) -> OpenedRow | None:
    values = {"conversation": conversation, "target": target}
    row = (await at.execute(OPENED, values)).first()
    if row is None:
        return None
    return OpenedRow(
        opened=OpenedConversation(id=row.external, user=row.customer),
        ours=row.ours,
        record=row.record,
        opened_at=row.opened_at,
        behind_since=row.behind_since,
        asks=row.asks,
        begun_there=row.begun_there,
    )
