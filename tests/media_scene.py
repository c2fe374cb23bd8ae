"""A shop whose channel and CRM are doubles that carry files: the product's flows around them.

What is said is put into the inbox as a parcel that names a prepared event. The channel brings a
file as slowly, or as badly, as its `fetching` says.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from channel_clients.contract import Can as ChannelCan
from crm_clients.contract import Can as CrmCan
from mappers.vocabulary import (
    Arrival,
    Attachment,
    AttachmentKind,
    ConnectionId,
    Direction,
    Entry,
    Event,
    Failure,
    FetchedFile,
    Message,
    MessageArrived,
    OpenedConversation,
    Opening,
    Operator,
    OperatorReplied,
    Origin,
    Outgoing,
    ProviderError,
    Reading,
    Receipt,
    RouteId,
    StatusReport,
    WorkspaceId,
)
from middleware.connections.model import ConnectedChannel, ConnectedCrm
from middleware.simulation.hub import AccountAt, SimHub, Site
from middleware.simulation.life import Action, Life
from middleware.simulation.loop import VirtualClock
from middleware.simulation.media import MemoryMedia
from middleware.simulation.twin import TwinStore
from middleware.simulation.wire import Network
from middleware.store.policy import Policy
from middleware.store.rows import Parcelled, Pinned, RouteRow
from middleware.webhooks.keys import digest_of
from tests.store_scene import SPOKEN_AT, a_person

WORKSPACE = WorkspaceId(UUID(int=1))
BOT, CRM = ConnectionId(UUID(int=2)), ConnectionId(UUID(int=3))
ALL = frozenset(AttachmentKind)
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60


@dataclass
class Double:
    """What both sides do: they read prepared events and bring prepared files."""

    clock: VirtualClock
    events: dict[str, Event] = field(default_factory=dict)
    slow_s: float = 0.0
    failure: Failure | None = None
    fetched: int = 0

    def read(self, arrival: Arrival) -> Reading:
        return Reading(events=(self.events[arrival.body.decode()],))

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        del limit_bytes
        self.fetched += 1
        await self.clock.sleep(self.slow_s)
        if self.failure is not None:
            raise ProviderError(self.failure)
        return FetchedFile(body=JPEG + attachment.handle.encode(), name="../x.html")


@dataclass
class Channel(Double):
    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> Receipt:
        self.sent.append(outgoing)
        return Receipt(provider_ids=(f"sent-{len(self.sent)}",))


@dataclass
class Crm(Double):
    """Entries are kept under their keys, as a CRM keeps them that knows a repeat."""

    entries: dict[str, Entry] = field(default_factory=dict)

    async def find_records(self, _: Any) -> tuple[Any, ...]:
        return ()

    async def create_record(self, *_: Any, **__: Any) -> str:
        return "11"

    async def find_created_record(self, *_: Any) -> None:
        return None

    async def open_conversation(self, _: Opening) -> OpenedConversation:
        return OpenedConversation(id="chat-1", user="u")

    async def write(self, entry: Entry) -> Receipt:
        assert entry.key not in self.entries
        self.entries[entry.key] = entry
        return Receipt(provider_ids=(f"entry-{entry.key}",))

    async def find_entry(self, entry: Entry, _: Any) -> Receipt | None:
        known = entry.key in self.entries
        return Receipt(provider_ids=(f"entry-{entry.key}",)) if known else None

    async def report(self, _: StatusReport) -> None:
        return None


@dataclass
class Shop:
    clock: VirtualClock
    store: TwinStore
    channel: Channel
    crm: Crm
    site: Site
    hub: SimHub
    crashes: int = 0

    async def hear(self, name: str, at: ConnectionId, event: Event) -> None:
        double: Double = self.channel if at == BOT else self.crm
        double.events[name] = event
        parcel = Parcelled(connection=at, digest=digest_of(name), form="", body=name.encode())
        await self.store.append([parcel])

    async def say(self, name: str, text: str, *shown: Attachment) -> None:
        message = a_word("telegram", name, text, *shown)
        await self.hear(name, BOT, MessageArrived(message=message, person=a_person()))

    async def answer(self, name: str, text: str, *shown: Attachment) -> None:
        message = a_word("amocrm", name, text, *shown)
        operator = Operator(id="op")
        await self.hear(name, CRM, OperatorReplied(message=message, operator=operator))

    async def after(self, seconds: float) -> None:
        """Let time pass; a hub that died meanwhile is followed by another."""
        ends_at = self.clock.monotonic() + seconds
        while self.clock.monotonic() < ends_at:
            await self.clock.sleep(0.5)
            if self.hub.life.is_over:
                self.crashes += 1
                self.hub = SimHub(self.site, self.crashes + 2, Life(self.clock.sleep))
                await self.hub.start()

    def timeline(self) -> list[tuple[str, str]]:
        """What the operator sees: the words of each entry, and the name of its file."""
        return [
            (entry.text, entry.file.name if entry.file else "")
            for entry in self.crm.entries.values()
        ]


def a_word(provider: str, name: str, text: str, *shown: Attachment) -> Message:
    is_reply = provider == "amocrm"
    return Message(
        origin=Origin(provider, "77", name),
        conversation="chat-1" if is_reply else "100",
        author="op" if is_reply else "100",
        direction=Direction.OUTBOUND if is_reply else Direction.INBOUND,
        sent_at=SPOKEN_AT + timedelta(minutes=len(name)),
        text=text,
        attachments=shown,
    )


def a_photo(handle: str = "photo-1", **values: Any) -> Attachment:
    return Attachment(kind=AttachmentKind.IMAGE, handle=handle, **values)


async def open_shop(
    *,
    point: int | None = None,
    action: Action = "crash",
    channel_can: ChannelCan | None = None,
    crm: Crm | None = None,
    mapping: str = "",
) -> Shop:
    """Open a shop. `mapping` is a document that its route uses."""
    clock, rng = VirtualClock(), random.Random(1)
    store, network = TwinStore(clock), Network(clock, rng)
    channel, crm = Channel(clock), crm or Crm(clock)
    store.add_connection(BOT, WORKSPACE, "channel", ("telegram", "77"))
    store.add_connection(CRM, WORKSPACE, "crm", ("amocrm", "shop"))
    policy = Policy(deal_policy="never")
    pinned = Pinned(mapping=UUID(int=5), version=1) if mapping else None
    if pinned is not None:
        store.add_mapping(pinned, "fields", mapping)
    ends = {"source": BOT, "target": CRM}
    store.add_route(RouteRow(id=RouteId(UUID(int=4)), **ends, policy=policy, mapping=pinned))
    can = channel_can or ChannelCan(text_limit=100, caption_limit=20, attachments=ALL, album=2)
    accounts = {
        BOT: _account(ConnectedChannel, BOT, "telegram", channel, can),
        CRM: _account(ConnectedCrm, CRM, "amocrm", crm, CrmCan(text_limit=4000, attachments=ALL)),
    }
    site = Site(
        clock=clock,
        network=network,
        store=store,
        rng=rng,
        accounts=accounts,
        base="http://hub.sim",
        media=MemoryMedia(),
    )
    hub = SimHub(site, 1, Life(clock.sleep, point=point, action=action))
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await hub.start()
    return Shop(clock=clock, store=store, channel=channel, crm=crm, site=site, hub=hub)


def _account(kind: Callable[..., Any], at: ConnectionId, name: str, adapter: Any, can: Any) -> Any:
    def build(_: Any) -> Any:
        return kind(
            id=at,
            workspace=WORKSPACE,
            provider=name,
            account="77",
            title="Shop",
            adapter=adapter,
            can=can,
        )

    return AccountAt(build=build, addresses={}, names=())
