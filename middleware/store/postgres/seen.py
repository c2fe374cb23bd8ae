"""What a unit has read already: each thing is asked for once, and many things in one statement.

Whoever serves a connection reads ahead for all the parcels that it is about to record (`foresee`);
what nobody foresaw is read when it is needed. A unit lasts for moments, so what it saw is as old
as the other reads of a transaction are; what must not change meanwhile is locked, and read then.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mappers.vocabulary import ConnectionId, ContactId, ConversationId, WorkspaceId
from middleware.db.direct import Session
from middleware.store.postgres import conversations, deals, messages, people, routes
from middleware.store.postgres.conversations import Place
from middleware.store.postgres.messages import Name
from middleware.store.postgres.people import Met, MetBy
from middleware.store.rows import ConversationRow, DealRow, LinkRow, OpenedRow, RouteRow

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


@dataclass(slots=True)
class Seen:
    """Reads what is missing, and remembers it. Whoever changes something says so here."""

    at: Session
    met: dict[MetBy, Met | None] = field(default_factory=dict)
    places: dict[Place, ConversationRow | None] = field(default_factory=dict)
    names: dict[Name, bool] = field(default_factory=dict)
    links: dict[ContactId, Mapping[ConnectionId, LinkRow]] = field(default_factory=dict)
    deals: dict[ContactId, Mapping[ConnectionId, tuple[DealRow, ...]]] = field(default_factory=dict)
    opened: dict[ConversationId, Mapping[ConnectionId, OpenedRow]] = field(default_factory=dict)
    routes: dict[ConnectionId, tuple[RouteRow, ...]] = field(default_factory=dict)
    workspaces: dict[ConnectionId, WorkspaceId] = field(default_factory=dict)

    async def look_for_people(self, who: Iterable[MetBy]) -> None:
        await self._look(self.met, who, people.contacts_of)

    async def look_at_places(self, places: Iterable[Place]) -> None:
        await self._look(self.places, places, conversations.conversations_at)

    async def look_for_names(self, names: Iterable[Name]) -> None:
        async def read(at: Session, missing: Any) -> Mapping[Name, bool]:
            known = await messages.known_names(at, missing)
            return {name: name in known for name in missing}

        await self._look(self.names, names, read)

    async def look_at_cards(self, contacts: Iterable[ContactId]) -> None:
        """Read the records and the deals of contacts, in whatever CRM."""
        wanted = tuple(dict.fromkeys(contacts))
        await self._look_by_connection(self.links, wanted, people.links)
        await self._look_by_connection(self.deals, wanted, deals.of)

    async def look_at_counterparts(self, wanted: Iterable[ConversationId]) -> None:
        await self._look_by_connection(self.opened, wanted, conversations.opened)

    def forget(
        self,
        *,
        links: Iterable[ContactId],
        opened: Iterable[ConversationId],
        deals: bool,
    ) -> None:
        """These are about to change: whoever asks next is told by the database."""
        for contact in links:
            self.links.pop(contact, None)
        if deals:
            self.deals.clear()
        for conversation in opened:
            self.opened.pop(conversation, None)

    async def look_at_routes(self, sources: Iterable[ConnectionId]) -> None:
        await self._look(self.routes, sources, routes.routes_from)

    async def look_at_workspaces(self, wanted: Iterable[ConnectionId]) -> None:
        await self._look(self.workspaces, wanted, conversations.workspaces_of)

    async def _look(
        self,
        seen: dict[KeyT, Any],
        wanted: Iterable[KeyT],
        read: Callable[[Session, Any], Awaitable[Mapping[KeyT, Any]]],
    ) -> None:
        missing = [key for key in dict.fromkeys(wanted) if key not in seen]
        if missing:
            found = await read(self.at, missing)
            seen.update((key, found.get(key)) for key in missing)

    async def _look_by_connection(
        self,
        seen: dict[Any, Mapping[ConnectionId, ValueT]],
        wanted: Iterable[Any],
        read: Callable[[Session, Any], Awaitable[Mapping[tuple[Any, Any], ValueT]]],
    ) -> None:
        missing = [key for key in dict.fromkeys(wanted) if key not in seen]
        if missing:
            grouped: dict[Any, dict[ConnectionId, ValueT]] = {key: {} for key in missing}
            for (key, connection), value in (await read(self.at, missing)).items():
                grouped[key][connection] = value
            seen.update(grouped)
