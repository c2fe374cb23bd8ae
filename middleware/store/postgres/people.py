"""People, how they can be reached, and what CRMs call them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import (
    Confidence,
    ConnectionId,
    ContactId,
    Identity,
    IdentityKind,
    Person,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.store.codec import decode_profile
from middleware.store.errors import StoreConflict
from middleware.store.postgres.columns import arrays, by_column
from middleware.store.rows import LinkRow

# Whoever moves an identity to another contact waits for us, and we for them: what follows in this
# transaction is said of the contact that has it.
CONTACTS_OF = text(
    """
    SELECT i.workspace_id, i.kind, i.value, i.contact_id, c.profile
    FROM unnest(:workspace, :kind, :value) AS asked(workspace_id, kind, value)
    JOIN identities AS i USING (workspace_id, kind, value)
    JOIN contacts AS c ON c.id = i.contact_id
    ORDER BY i.kind, i.value
    FOR KEY SHARE OF i
    """
).bindparams(*arrays(workspace=Uuid, kind=Text, value=Text))
PERSON = text("SELECT profile FROM contacts WHERE id = :contact")
IDENTITIES = text(
    """
    SELECT kind, value, evidence, confidence FROM identities
    WHERE contact_id = :contact ORDER BY since, kind, value
    """
)
ADD_CONTACTS = text(
    """
    INSERT INTO contacts (id, workspace_id, profile) SELECT * FROM unnest(:id, :workspace, :profile)
    """
).bindparams(*arrays(id=Uuid, workspace=Uuid, profile=BYTEA))
ADD_IDENTITIES = text(
    """
    INSERT INTO identities (workspace_id, kind, value, contact_id, evidence, confidence)
    SELECT * FROM unnest(:workspace, :kind, :value, :contact, :evidence, :confidence)
        AS given(workspace_id, kind, value, contact_id, evidence, confidence)
    ORDER BY kind, value
    ON CONFLICT DO NOTHING
    """
).bindparams(
    *arrays(workspace=Uuid, kind=Text, value=Text, contact=Uuid, evidence=Text, confidence=Text)
)
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
LINKS = text(
    """
    SELECT contact_id, connection_id, record, state, evidence FROM contact_links
    WHERE contact_id = ANY(:contact)
    """
).bindparams(*arrays(contact=Uuid))
SET_LINKS = text(
    """
    INSERT INTO contact_links (contact_id, connection_id, record, evidence)
    SELECT * FROM unnest(:contact, :target, :record, :evidence)
        AS given(contact_id, connection_id, record, evidence)
    ORDER BY contact_id, connection_id
    ON CONFLICT (contact_id, connection_id) DO UPDATE
    SET record = excluded.record, evidence = excluded.evidence, state = 'live',
        since = CASE WHEN contact_links.record = excluded.record THEN contact_links.since
                     ELSE clock_timestamp() END
    """
).bindparams(*arrays(contact=Uuid, target=Uuid, record=Text, evidence=Text))
DROP_LINKS = text(
    """
    UPDATE contact_links SET state = 'gone'
    WHERE connection_id = :target AND record = :record AND state = 'live'
    """
)

MetBy = tuple[WorkspaceId, IdentityKind, str]


@dataclass(frozen=True, slots=True)
class Met:
    """A contact as the identity it was found by shows it."""

    contact: ContactId
    profile: bytes = field(repr=False)


def met_by(workspace: WorkspaceId, identity: Identity) -> MetBy:
    return workspace, identity.kind, identity.value


async def contacts_of(at: Session, identities: Collection[MetBy]) -> Mapping[MetBy, Met]:
    """Find whose identities these are, and keep them so until the transaction ends."""
    asked = [{"workspace": w, "kind": kind, "value": value} for w, kind, value in identities]
    return {
        (row.workspace_id, IdentityKind(row.kind), row.value): Met(
            ContactId(row.contact_id), row.profile
        )
        for row in await at.execute(CONTACTS_OF, by_column(asked))
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """Somebody whom nobody has met, and how we met them."""

    id: ContactId
    workspace: WorkspaceId
    identity: Identity
    profile: bytes = field(repr=False)


async def add_contacts(at: Session, contacts: Sequence[NewContact]) -> None:
    """Raises: `StoreConflict` when somebody met one of them at the same moment, and was first."""
    rows = [{"id": c.id, "workspace": c.workspace, "profile": c.profile} for c in contacts]
    await at.execute(ADD_CONTACTS, by_column(rows))
    met = [_identity(each.workspace, each.identity, each.id) for each in contacts]
    if (await at.execute(ADD_IDENTITIES, by_column(met))).rowcount < len(contacts):
        raise StoreConflict("somebody was met beside us")


async def learn(
    at: Session, workspace: WorkspaceId, contact: ContactId, identity: Identity
) -> bool:
    """Give a contact another identity. Somebody else's is a claim, and False is returned."""
    row = (await at.execute(ADD_IDENTITY, _identity(workspace, identity, contact))).one()
    if row.contact_id != contact:
        claim = {**_identity(workspace, identity, contact), "holder": row.contact_id}
        await at.execute(ADD_CLAIM, claim)
    return bool(row.is_new)


async def hint(at: Session, workspace: WorkspaceId, contact: ContactId, identity: Identity) -> None:
    values = _identity(workspace, identity, contact)
    del values["confidence"]
    await at.execute(HINT, values)


async def person(at: Session, contact: ContactId) -> Person | None:
    found = (await at.execute(PERSON, {"contact": contact})).first()
    if found is None:
        return None
    rows = await at.execute(IDENTITIES, {"contact": contact})
    return decode_profile(found.profile, tuple(identity_of(*row) for row in rows))


def identity_of(kind: str, value: str, evidence: str, confidence: str) -> Identity:
    return Identity(
        kind=IdentityKind(kind),
        value=value,
        evidence=evidence,
        confidence=Confidence(confidence),
    )


def _identity(workspace: WorkspaceId, identity: Identity, contact: UUID) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "kind": identity.kind,
        "value": identity.value,
        "contact": contact,
        "evidence": identity.evidence,
        "confidence": identity.confidence,
    }


async def links(
    at: Session, contacts: Collection[ContactId]
) -> Mapping[tuple[ContactId, ConnectionId], LinkRow]:
    """Return what CRMs know of contacts, by contact and CRM."""
    return {
        (ContactId(row.contact_id), ConnectionId(row.connection_id)): link_of(
            row.record, row.state, row.evidence
        )
        for row in await at.execute(LINKS, {"contact": list(contacts)})
    }


def link_of(record: str, state: str, evidence: str) -> LinkRow:
    return LinkRow(record=record, live=state == "live", evidence=evidence, gone=state == "gone")


async def set_links(
    at: Session, links: Mapping[tuple[ContactId, ConnectionId], tuple[str, str]]
) -> None:
    """Remember the records of contacts, each with why it is believed to be theirs."""
    rows = [
        {"contact": contact, "target": target, "record": record, "evidence": evidence}
        for (contact, target), (record, evidence) in links.items()
    ]
    await at.execute(SET_LINKS, by_column(rows))
