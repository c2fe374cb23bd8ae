"""Meeting somebody somewhere: what every arrived message asks of a unit, for many at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from mappers.vocabulary import (
    Confidence,
    ConnectionId,
    ContactId,
    ConversationId,
    Identity,
    Person,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.ids import NewId
from middleware.store.codec import encode_profile
from middleware.store.postgres import conversations, people
from middleware.store.postgres.pending import Pending
from middleware.store.postgres.people import Met, NewContact
from middleware.store.postgres.seen import Seen
from middleware.store.rows import Arrived, ContactRow, ConversationRow
from middleware.webhooks.keys import digest_of

IdT = TypeVar("IdT", bound=UUID)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A chapter of the unit, and what its other chapters stand on."""

    at: Session
    new_id: NewId
    touched: set[ConnectionId] = field(default_factory=set)
    pending: Pending = field(default_factory=Pending)
    seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", Seen(self.at))

    async def write(self) -> Session:
        """Put down what is pending, so that what follows on the connection sees it."""
        self.seen.forget(
            links=[contact for contact, _ in self.pending.links],
            opened=[conversation for conversation, _ in self.pending.opened],
            deals=bool(self.pending.deals),
        )
        self.touched.update(await self.pending.write(self.at))
        return self.at

    async def foresee(self, arrived: Sequence[Arrived]) -> None:
        seen, sources = self.seen, [source for source, _ in arrived]
        await seen.look_at_workspaces(sources)
        await seen.look_at_routes(sources)
        who = [
            people.met_by(seen.workspaces[source], event.person.identities[0])
            for source, event in arrived
        ]
        places = [(source, event.message.conversation) for source, event in arrived]
        await seen.look_for_people(who)
        await seen.look_at_places(places)
        await seen.look_for_names(
            (source, digest_of(event.message.origin.message)) for source, event in arrived
        )
        met = [seen.met[each] for each in who]
        talks = [seen.places[each] for each in places]
        owners = [talk.contact for talk in talks if talk is not None]
        known = [each.contact for each in met if each is not None]
        await seen.look_at_cards(each for each in (*known, *owners) if each is not None)
        await seen.look_at_counterparts(talk.id for talk in talks if talk is not None)

    async def contact_for(self, workspace: WorkspaceId, person: Person) -> ContactRow:
        first, *others = person.identities
        contact, is_new = await self._by_first(workspace, first, encode_profile(person))
        learned = []
        for identity in others:
            if identity.confidence is Confidence.STRONG:
                at = await self.write()
                self.seen.met.pop(people.met_by(workspace, identity), None)
                if await people.learn(at, workspace, contact, identity):
                    learned.append(identity)
        return ContactRow(id=contact, is_new=is_new, learned=tuple(learned))

    async def _by_first(
        self, workspace: WorkspaceId, identity: Identity, profile: bytes
    ) -> tuple[ContactId, bool]:
        """Find the contact by the channel's own identity of the person, or make one."""
        key = people.met_by(workspace, identity)
        await self.seen.look_for_people([key])
        known = self.seen.met[key]
        if known is None:
            mine = self.born(ContactId(self.new_id()))
            self.pending.contacts.append(
                NewContact(id=mine, workspace=workspace, identity=identity, profile=profile)
            )
            self.seen.links[mine], self.seen.deals[mine] = {}, {}
            self.seen.met[key] = Met(mine, profile)
            return mine, True
        if known.profile != profile:
            at = await self.write()
            await at.execute(people.SET_PROFILE, {"id": known.contact, "profile": profile})
            self.seen.met[key] = Met(known.contact, profile)
        return known.contact, False

    def born(self, id_: IdT) -> IdT:
        self.pending.born.add(id_)
        return id_

    async def conversation_for(
        self, connection: ConnectionId, external: str, contact: ContactId | None
    ) -> ConversationRow:
        place = connection, external
        known = await self.conversation_at(connection, external)
        if known is None:
            await self.seen.look_at_workspaces([connection])
            known = ConversationRow(
                id=self.born(ConversationId(self.new_id())),
                workspace=self.seen.workspaces[connection],
                connection=connection,
                external=external,
                contact=contact,
            )
            self.pending.conversations.append(known)
            self.seen.opened[known.id] = {}
        elif known.contact is None and contact is not None:
            known = await conversations.adopt(await self.write(), known.id, contact)
        self.seen.places[place] = known
        return known

    async def conversation_at(
        self, connection: ConnectionId, external: str
    ) -> ConversationRow | None:
        await self.seen.look_at_places([(connection, external)])
        return self.seen.places[connection, external]
