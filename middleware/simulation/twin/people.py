"""People, and the conversations they are met in."""

from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import Any

from mappers.vocabulary import (
    Confidence,
    ConnectionId,
    ContactId,
    ConversationId,
    Identity,
    Person,
    WorkspaceId,
)
from middleware.simulation.twin.chapter import Chapter, there
from middleware.simulation.twin.schema import Claim, Contact, KnownIdentity, identity_key
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import ContactRow, ConversationRow, RouteRow


class People(Chapter):
    async def contact_for(self, workspace: WorkspaceId, person: Person) -> ContactRow:
        tx = await self._turn()
        contact, is_new = await _by_first_identity(tx, workspace, person)
        learned = []
        for identity in person.identities[1:]:
            if identity.confidence is not Confidence.STRONG:
                continue
            mine = _known(tx, workspace, identity, contact)
            known = await tx.identities.insert_or_lock(mine)
            if known is mine:
                learned.append(identity)
            elif known.contact != contact:
                claim = Claim(contact=contact, identity=identity, holder=known.contact)
                await tx.claims.insert(claim)
        return ContactRow(id=contact, is_new=is_new, learned=tuple(learned))

    async def hint(self, workspace: WorkspaceId, contact: ContactId, identity: Identity) -> None:
        tx = await self._turn()
        known = tx.identities.get(identity_key(workspace, identity))
        is_sure = known is not None and known.identity.confidence is Confidence.STRONG
        if known is not None and is_sure and known.contact != contact:
            claim = Claim(contact=contact, identity=identity, holder=known.contact)
            await tx.claims.insert(claim)

    async def person(self, contact: ContactId) -> Person | None:
        return person_of(await self._turn(), contact)

    async def conversation_for(
        self, connection: ConnectionId, external: str, contact: ContactId | None
    ) -> ConversationRow:
        tx = await self._turn()
        known = tx.conversations.get((connection, external))
        if known is not None and (known.contact is not None or contact is None):
            return known
        new = ConversationRow(
            id=ConversationId(tx.new_id()),
            workspace=there(tx.connections.get(connection), "connection").workspace,
            connection=connection,
            external=external,
            contact=contact,
        )
        row = await tx.conversations.insert_or_lock(new)
        if row.contact is None and contact is not None:
            row = replace(row, contact=contact)
            tx.conversations.put(row)
        return row

    async def conversation_at(
        self, connection: ConnectionId, external: str
    ) -> ConversationRow | None:
        tx = await self._turn()
        return tx.conversations.get((connection, external))

    async def conversation_in_crm(
        self, connection: ConnectionId, external: str, ours: str
    ) -> ConversationRow | None:
        tx = await self._turn()
        link = tx.conversation_links.one("external", (connection, external))
        link = link or tx.conversation_links.one("ours", (connection, ours))
        if link is None:
            return _named(tx, connection, ours)
        return tx.conversations.one("id", link.conversation)

    async def conversations_of(
        self, identity: Identity, crm: ConnectionId
    ) -> tuple[ConversationRow, ...]:
        tx = await self._turn()
        workspace = there(tx.connections.get(crm), "connection").workspace
        known = tx.identities.get(identity_key(workspace, identity))
        if known is None or known.identity.confidence is not Confidence.STRONG:
            return ()
        routed = {route.source for route in tx.routes.find("target", crm) if _is_there(tx, route)}
        theirs = tx.conversations.find("contact", known.contact)
        found = [each for each in theirs if each.connection in routed]
        spoken = {each.id: _last_said(tx, each.id) for each in found}
        return tuple(sorted(found, key=lambda each: (spoken[each.id], each.id), reverse=True))

    async def conversation_of_record(
        self, connection: ConnectionId, record: str, deal: str
    ) -> ConversationRow | None:
        tx = await self._turn()
        linked = tx.contact_links.find("record", (connection, record))
        contacts = {each.contact for each in linked}
        known = tx.deals.get((connection, deal))
        contacts |= {known.contact} if known is not None else set()
        sources = {route.source for route in tx.routes.find("target", connection)}
        found = [
            conversation
            for contact in contacts
            for conversation in tx.conversations.find("contact", contact)
            if conversation.connection in sources
        ]
        return max(found, key=lambda each: _answerable(tx, each), default=None)

    async def conversation(self, conversation: ConversationId) -> ConversationRow:
        tx = await self._turn()
        return there(tx.conversations.one("id", conversation), "conversation")

    async def set_reachable(self, conversation: ConversationId, *, reachable: bool) -> None:
        tx = await self._turn()
        row = tx.conversations.one("id", conversation)
        if row is not None:
            await tx.conversations.change((row.connection, row.external), reachable=reachable)

    async def move_conversation(self, connection: ConnectionId, old: str, new: str) -> None:
        """Nothing moves where there is nothing, nor to where there is something."""
        tx = await self._turn()
        await tx.conversations.lock((connection, old), (connection, new))
        row = tx.conversations.get((connection, old))
        if row is not None and tx.conversations.get((connection, new)) is None:
            tx.conversations.remove((connection, old))
            tx.conversations.put(replace(row, external=new))


def _answerable(tx: Transaction, conversation: ConversationRow) -> tuple[bool, float, Any]:
    """Who can be reached comes first, then who wrote last."""
    said = tx.messages.find("conversation", conversation.id)
    times = [each.sent_at.timestamp() for each in said if not each.is_reply]
    return conversation.reachable, max(times, default=-inf), conversation.id


def _named(tx: Transaction, crm: ConnectionId, ours: str) -> ConversationRow | None:
    """Find what the hub would call so in a CRM that it has not heard from yet."""
    provider, _, rest = ours.partition(":")
    account, _, exchange = rest.partition(":")
    found = [
        conversation
        for route in tx.routes.find("target", crm)
        if (channel := tx.connections.get(route.source)) is not None
        and (channel.provider, channel.account) == (provider, account)
        and (conversation := tx.conversations.get((channel.id, exchange))) is not None
    ]
    return max(found, key=lambda conversation: conversation.id, default=None)


def _is_there(tx: Transaction, route: RouteRow) -> bool:
    channel = tx.connections.get(route.source)
    return channel is not None and channel.state != "removed"


def _last_said(tx: Transaction, conversation: ConversationId) -> datetime:
    said = (message.sent_at for message in tx.messages.find("conversation", conversation))
    return max(said, default=datetime.min.replace(tzinfo=UTC))


def _known(
    tx: Transaction, workspace: WorkspaceId, identity: Identity, contact: ContactId
) -> KnownIdentity:
    return KnownIdentity(
        workspace=workspace, identity=identity, contact=contact, number=tx.number()
    )


async def _by_first_identity(
    tx: Transaction, workspace: WorkspaceId, person: Person
) -> tuple[ContactId, bool]:
    """Find the contact by the channel's own identity of the person, or make one."""
    first, looks = person.identities[0], replace(person, identities=())
    known = tx.identities.get(identity_key(workspace, first))
    if known is not None:
        contact = tx.contacts.get(known.contact)
        if contact is None or contact.looks != looks:
            await tx.contacts.change(known.contact, looks=looks)
        return known.contact, False
    contact_id = ContactId(tx.new_id())
    await tx.contacts.insert(Contact(id=contact_id, workspace=workspace, looks=looks))
    mine = _known(tx, workspace, first, contact_id)
    known = await tx.identities.insert_or_lock(mine)
    if known is not mine:
        # Someone met the same person at the same moment, and was first.
        tx.contacts.remove(contact_id)
    return known.contact, known is mine


def person_of(tx: Transaction, contact: ContactId) -> Person | None:
    """Return a contact as last seen, with all identities in the order they were learned in."""
    known = tx.contacts.get(contact)
    if known is None:
        return None
    identities = sorted(tx.identities.find("contact", contact), key=lambda each: each.number)
    return replace(known.looks, identities=tuple(each.identity for each in identities))
