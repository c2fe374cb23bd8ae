"""People, and the conversations they are met in."""

from dataclasses import fields, replace

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
from middleware.store.codec import scrub
from middleware.store.port import ContactRow, ConversationRow


class People(Chapter):
    async def contact_for(self, workspace: WorkspaceId, person: Person) -> ContactRow:
        tx = await self._turn()
        person = scrub(person)
        strong = deciding(person)
        keys = [identity_key(workspace, identity) for identity in strong]
        await tx.identities.lock(*keys)
        holders = [known.contact if (known := tx.identities.get(key)) else None for key in keys]
        known_as = next((holder for holder in holders if holder is not None), None)
        contact = known_as or ContactId(tx.new_id())
        await _see(tx, contact, workspace, person)
        learned = []
        for identity, holder in zip(strong, holders, strict=True):
            if holder is None:
                learned.append(identity)
                tx.identities.put(
                    KnownIdentity(
                        workspace=workspace, identity=identity, contact=contact, number=tx.number()
                    )
                )
            elif holder != contact:
                await tx.claims.insert(Claim(contact=contact, identity=identity, holder=holder))
        is_new = known_as is None
        return ContactRow(id=contact, is_new=is_new, learned=() if is_new else tuple(learned))

    async def conversation_for(
        self, connection: ConnectionId, external: str, contact: ContactId | None
    ) -> ConversationRow:
        tx = await self._turn()
        at = there(tx.connections.get(connection), "connection")
        new = ConversationRow(
            id=ConversationId(tx.new_id()),
            workspace=at.workspace,
            connection=connection,
            external=external,
            contact=contact,
        )
        if await tx.conversations.insert(new):
            return new
        known = there(tx.conversations.get((connection, external)), "conversation")
        if known.contact is None and contact is not None:
            key = (connection, external)
            await tx.conversations.lock(key)
            known = there(tx.conversations.get(key), "conversation")
            known = replace(known, contact=known.contact or contact)
            tx.conversations.put(known)
        return known

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
        if link is None and ours:
            link = tx.conversation_links.one("ours", (connection, ours))
        return None if link is None else tx.conversations.one("id", link.conversation)

    async def conversation(self, conversation: ConversationId) -> ConversationRow:
        tx = await self._turn()
        return there(tx.conversations.one("id", conversation), "conversation")

    async def set_reachable(self, conversation: ConversationId, *, reachable: bool) -> None:
        tx = await self._turn()
        row = there(tx.conversations.one("id", conversation), "conversation")
        await tx.conversations.change((row.connection, row.external), reachable=reachable)

    async def move_conversation(self, connection: ConnectionId, old: str, new: str) -> None:
        tx = await self._turn()
        await tx.conversations.lock((connection, old), (connection, new))
        row = tx.conversations.get((connection, old))
        if row is not None and tx.conversations.get((connection, new)) is None:
            tx.conversations.remove((connection, old))
            tx.conversations.put(replace(row, external=new))


def deciding(person: Person) -> tuple[Identity, ...]:
    """Return the identities that link by themselves: the channel's own, and all strong ones."""
    first, *others = person.identities
    found = {(first.kind, first.value): first}
    for each in others:
        if each.confidence is Confidence.STRONG:
            found.setdefault((each.kind, each.value), each)
    return tuple(found.values())


async def _see(tx: Transaction, contact: ContactId, workspace: WorkspaceId, seen: Person) -> None:
    """Remember what a person looks like now; what they do not show any more is kept."""
    known = tx.contacts.get(contact)
    if known is None:
        new = Contact(id=contact, workspace=workspace, looks=replace(seen, identities=()))
        await tx.contacts.insert(new)
        return
    looks = better(known.looks, seen)
    if looks != known.looks:
        await tx.contacts.change(contact, looks=looks)


def better(known: Person, seen: Person) -> Person:
    names = [each.name for each in fields(Person) if each.name != "identities"]
    return replace(known, **{name: getattr(seen, name) or getattr(known, name) for name in names})


def person_of(tx: Transaction, contact: ContactId) -> Person | None:
    """Return a contact as last seen, with all identities in the order they were learned in."""
    known = tx.contacts.get(contact)
    if known is None:
        return None
    identities = sorted(tx.identities.find("contact", contact), key=lambda each: each.number)
    return replace(known.looks, identities=tuple(each.identity for each in identities))
