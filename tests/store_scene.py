"""What a store's tests set up and say: a channel routed to a CRM, and short ways to say more."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Confidence,
    ConnectionId,
    ConversationId,
    DeliveryKind,
    Direction,
    Identity,
    IdentityKind,
    Message,
    Origin,
    Person,
    Priority,
    Quote,
    RouteId,
    WorkspaceId,
)
from middleware.clock import Clock
from middleware.simulation.twin import TwinStore
from middleware.store.duties import Duty, Job
from middleware.store.policy import Policy
from middleware.store.port import Store, Unit
from middleware.store.rows import (
    InboxClaim,
    InboxRow,
    JobsClaim,
    Lease,
    NewMessage,
    Parcelled,
    Pinned,
    RouteRow,
)
from middleware.webhooks.keys import digest_of

WORKSPACE = WorkspaceId(UUID(int=0xA))
CHANNEL = ConnectionId(UUID(int=0xC1))
OTHER_CHANNEL = ConnectionId(UUID(int=0xC2))
CRM = ConnectionId(UUID(int=0xD1))
CONNECTIONS = (CHANNEL, OTHER_CHANNEL, CRM)
MAPPING = Pinned(mapping=UUID(int=0xF1), version=1)
DOCUMENT = "version: 1"
ROUTE = RouteRow(
    id=RouteId(UUID(int=0xE1)), source=CHANNEL, target=CRM, policy=Policy(), mapping=MAPPING
)
TTL = timedelta(seconds=30)
SPOKEN_AT = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)


def a_twin(clock: Clock) -> TwinStore:
    store = TwinStore(clock)
    store.add_connection(CHANNEL, WORKSPACE, "channel", ("telegram", "77"))
    store.add_connection(OTHER_CHANNEL, WORKSPACE, "channel", ("telegram", "78"))
    store.add_connection(CRM, WORKSPACE, "crm", ("amocrm", "romashka"))
    store.add_route(ROUTE)
    store.add_mapping(MAPPING, "fields", DOCUMENT)
    return store


def a_parcel(
    key: str, connection: ConnectionId = CHANNEL, *, said_after_s: int | None = None
) -> Parcelled:
    said_at = None if said_after_s is None else SPOKEN_AT + timedelta(seconds=said_after_s)
    return Parcelled(
        connection=connection,
        digest=digest_of(key),
        form="json",
        body=key.encode(),
        said_at=said_at,
    )


def a_person(
    user: str = "user:1", *, phone: str = "", name: str = "Мария", weak_phone: str = ""
) -> Person:
    kinds = IdentityKind
    identities = [Identity(kind=kinds.CHANNEL_USER, value=user, evidence="telegram.wrote")]
    if phone:
        shared = Identity(kind=kinds.PHONE, value=phone, evidence="telegram.contact_shared")
        identities.append(shared)
    if weak_phone:
        guess = Identity(
            kind=kinds.PHONE, value=weak_phone, evidence="text", confidence=Confidence.WEAK
        )
        identities.append(guess)
    return Person(identities=tuple(identities), name=name)


def a_message(
    name: str = "100:1",
    *,
    provider: str = "telegram",
    quotes: str = "",
    minute: int = 0,
    shows: int = 0,
) -> Message:
    origin = Origin(provider, "77", name)
    return Message(
        origin=origin,
        conversation="100",
        author="100",
        direction=Direction.INBOUND if provider == "telegram" else Direction.OUTBOUND,
        sent_at=SPOKEN_AT + timedelta(minutes=minute),
        text=f"Сообщение {name}",
        attachments=(Attachment(kind=AttachmentKind.IMAGE, handle="h"),) * shows,
        quote=Quote(origin=Origin(provider, "77", quotes)) if quotes else None,
    )


def new_message(
    conversation: ConversationId,
    message: Message,
    *,
    connection: ConnectionId = CHANNEL,
    planned: bool = True,
) -> NewMessage:
    return NewMessage(
        workspace=WORKSPACE,
        connection=connection,
        conversation=conversation,
        message=message,
        planned=planned,
        operator="" if connection == CHANNEL else "op-7",
    )


def a_duty(number: int, **values: Any) -> Duty:
    """A duty about subject `number`; lane, kind and all the rest can be said."""
    defaults: dict[str, Any] = {
        "workspace": WORKSPACE,
        "target": CRM,
        "lane": "thread:1",
        "kind": DeliveryKind.WRITE,
        "subject": UUID(int=number),
        "priority": Priority.MESSAGE,
    }
    return Duty(**{**defaults, **values})


async def served(store: Store, connection: ConnectionId = CRM, owner: str = "worker") -> Lease:
    lease = await store.acquire(connection, "serve", owner, TTL)
    assert lease is not None
    return lease


async def owe(store: Store, *duties: Duty) -> None:
    async with store.unit() as unit:
        for duty in duties:
            await unit.owe(duty)


async def claim(
    store: Store, lease: Lease, limit: int = 10, *, probe_only: bool = False
) -> tuple[Job, ...]:
    (jobs,) = await store.claim_jobs([JobsClaim(lease=lease, limit=limit, probe_only=probe_only)])
    return jobs


async def read(
    store: Store, lease: Lease, limit: int, hold: timedelta = timedelta()
) -> tuple[InboxRow, ...]:
    (rows,) = await store.claim_inbox([InboxClaim(lease=lease, limit=limit, hold=hold)])
    return rows


async def meet(unit: Unit, user: str = "user:1", external: str = "100") -> ConversationId:
    """Let a customer appear in a conversation."""
    contact = await unit.contact_for(WORKSPACE, a_person(user))
    conversation = await unit.conversation_for(CHANNEL, external, contact.id)
    return conversation.id
