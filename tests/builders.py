"""Rows for tests, valid by default: one argument says what matters.

They are written past the flows, so that a test can begin in the middle of a story. What a test is
about is brought about by the flows themselves, or in a town (`tests.journeys.town`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import insert, select, update

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Direction,
    Message,
    MessageId,
    Origin,
    WorkspaceId,
)
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.hub import Hub, open_hub
from middleware.ids import uuid7
from middleware.operations.access import flow as access
from middleware.operations.access.rules import Scope
from middleware.operations.model import Caller
from middleware.secrets import new_address
from middleware.settings import Settings
from middleware.store.codec import encode_message
from middleware.webhooks.keys import digest_of

SPOKEN_AT = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
WORDS = "Когда привезёте заказ 4512?"
PHONE = "+79161112233"
_numbers = count(1)


@asynccontextmanager
async def an_open_hub(postgres_url: str, data_dir: Path, **changes: Any) -> AsyncIterator[Hub]:
    """A hub on its database that serves nothing: what is due stays due."""
    values: dict[str, Any] = {
        "database_url": SecretStr(postgres_url),
        "data_dir": data_dir,
        "public_url": "https://hub.example",
        "language": "en",
        **changes,
    }
    async with open_hub(Settings(**values)) as hub:
        await hub.executor.stop()
        yield hub


async def a_caller(hub: Hub, name: str = "anna") -> Caller:
    """Somebody in the first workspace."""
    return Caller(workspace=await hub.connections.workspace(), name=name)


async def a_stranger(hub: Hub) -> Caller:
    """Somebody in a workspace of their own."""
    return Caller(workspace=await a_workspace(hub), name="boris")


async def a_workspace(hub: Hub, name: str = "Another company") -> WorkspaceId:
    await hub.connections.workspace()  # ours is the first
    workspace = WorkspaceId(uuid7())
    async with transaction(hub.engine) as at:
        await at.execute(insert(tables.workspaces).values(id=workspace, name=name))
    return workspace


async def a_token(hub: Hub, caller: Caller, *scopes: Scope) -> str:
    made = await access.create_token(hub, caller, "test", frozenset(scopes or {Scope.ADMIN}))
    return made.token


CONFIGS: dict[str, dict[str, Any]] = {
    "telegram": {"token": "700100:" + "A" * 35, "mode": "polling"},
    "amocrm": {
        "base": "https://shop.amocrm.ru",
        "account_id": "31",
        "amojo_id": "amojo-31",
        "access_token": "hush",
    },
}


async def an_application(hub: Hub, workspace: WorkspaceId) -> UUID:
    """Our registration at amoCRM."""
    values = {"client_id": f"client-{next(_numbers)}", "client_secret": "hush"}
    application, _ = await hub.connections.save_application(
        workspace, "amocrm", values["client_id"], hub.vault.seal(values), new_address()
    )
    return application


async def a_connection(
    hub: Hub,
    workspace: WorkspaceId,
    provider: str = "telegram",
    *,
    title: str = "",
    state: str = "active",
) -> ConnectionId:
    """An account, as if connected; its provider was never asked."""
    connection, number = ConnectionId(uuid7()), next(_numbers)
    is_crm = provider == "amocrm"
    async with transaction(hub.engine) as at:
        await at.execute(
            insert(tables.connections).values(
                id=connection,
                workspace_id=workspace,
                kind="crm" if is_crm else "channel",
                provider=provider,
                account=f"account-{number}",
                title=title or f"{provider} {number}",
                config=hub.vault.seal(CONFIGS[provider]),
                address=new_address(),
                state=state,
                settings={"listens": not is_crm},
            )
        )
    if is_crm:
        application = await an_application(hub, workspace)
        async with transaction(hub.engine) as at:
            await at.execute(
                update(tables.connections)
                .where(tables.connections.c.id == connection)
                .values(application_id=application)
            )
    return connection


async def a_contact(hub: Hub, workspace: WorkspaceId, *, phone: str = PHONE) -> ContactId:
    contact = ContactId(uuid7())
    async with transaction(hub.engine) as at:
        profile = '{"name": "Мария"}'.encode()
        await at.execute(
            insert(tables.contacts).values(id=contact, workspace_id=workspace, profile=profile)
        )
        await at.execute(
            insert(tables.identities).values(
                workspace_id=workspace,
                kind="phone",
                value=phone,
                contact_id=contact,
                evidence="telegram.contact_shared",
                confidence="strong",
            )
        )
    return contact


async def a_claim(hub: Hub, contact: ContactId, holder: ContactId, *, phone: str = PHONE) -> UUID:
    """A phone that `contact` showed, and that is `holder`'s."""
    values = {"contact_id": contact, "holder_id": holder, "kind": "phone", "value": phone}
    query = insert(tables.claims).values(**values, evidence="telegram.contact_shared")
    async with transaction(hub.engine) as at:
        claim: UUID = (await at.execute(query.returning(tables.claims.c.id))).scalar_one()
    return claim


async def a_conversation(
    hub: Hub, connection: ConnectionId, contact: ContactId | None = None, external: str = ""
) -> ConversationId:
    external = external or f"chat-{next(_numbers)}"
    async with hub.store.unit() as unit:
        return (await unit.conversation_for(connection, external, contact)).id


async def a_message(
    hub: Hub, conversation: ConversationId, said_on: ConnectionId, *, text: str = WORDS
) -> MessageId:
    """A recorded message; a reply when it was said on a CRM's connection."""
    message, number = MessageId(uuid7()), next(_numbers)
    at_conversation = tables.conversations.c
    async with transaction(hub.engine) as at:
        workspace = (
            await at.execute(
                select(at_conversation.workspace_id).where(at_conversation.id == conversation)
            )
        ).scalar_one()
        said = Message(
            origin=Origin("telegram", "700100", f"100:{number}"),
            conversation="100",
            author="100",
            direction=Direction.INBOUND,
            sent_at=SPOKEN_AT + timedelta(minutes=number),
            text=text,
        )
        await at.execute(
            insert(tables.messages).values(
                id=message,
                workspace_id=workspace,
                connection_id=said_on,
                conversation_id=conversation,
                direction=said.direction,
                sent_at=said.sent_at,
                content=encode_message(said),
                planned=True,
            )
        )
        await at.execute(
            insert(tables.names).values(
                connection_id=said_on,
                digest=digest_of(said.origin.message),
                name=said.origin.message,
                message_id=message,
            )
        )
    return message


async def a_delivery(
    hub: Hub,
    target: ConnectionId,
    state: DeliveryState = DeliveryState.READY,
    kind: DeliveryKind = DeliveryKind.WRITE,
    *,
    lane: str = "",
    **values: Any,
) -> DeliveryId:
    """A duty at the end of a lane, its own unless one is named."""
    delivery, subject = DeliveryId(uuid7()), values.pop("subject", None) or uuid7()
    connections, lanes = tables.connections.c, tables.lanes
    waits = state in {DeliveryState.READY, DeliveryState.DOUBT}
    async with transaction(hub.engine) as at:
        workspace = (
            await at.execute(select(connections.workspace_id).where(connections.id == target))
        ).scalar_one()
        key = lane or f"test:{delivery}"
        mine = (lanes.c.target_id == target) & (lanes.c.key == key)
        found = (await at.execute(select(lanes.c.id, lanes.c.tail).where(mine))).first()
        if found is None:
            new = insert(lanes).values(target_id=target, key=key, priority=1, due_at=None)
            found = (await at.execute(new.returning(lanes.c.id, lanes.c.tail))).one()
        seq = found.tail + 1
        head = {} if waits else {"head": seq + 1}
        await at.execute(update(lanes).where(mine).values(tail=seq, **head))
        await at.execute(
            insert(tables.deliveries).values(
                id=delivery,
                workspace_id=workspace,
                target_id=target,
                lane_id=found.id,
                seq=seq,
                kind=kind,
                state=state,
                subject=subject,
                **values,
            )
        )
    return delivery


async def a_held_reply(hub: Hub, workspace: WorkspaceId, *, parts: int = 1) -> MessageId:
    """An operator's reply of which nobody can tell whether it reached the customer."""
    crm = await a_connection(hub, workspace, "amocrm", title="Shop CRM")
    bot = await a_connection(hub, workspace, title="Shop bot")
    conversation = await a_conversation(hub, bot, await a_contact(hub, workspace))
    message = await a_message(hub, conversation, crm)
    for part in range(parts):
        await a_delivery(
            hub,
            bot,
            DeliveryState.HELD,
            DeliveryKind.SEND,
            lane=f"conversation:{conversation}",
            subject=message,
            message_id=message,
            conversation_id=conversation,
            part=part,
            code="hub.not_confirmed",
        )
    return message


async def states_of(hub: Hub, *deliveries: UUID) -> list[str]:
    """The states of deliveries, in the order they are named."""
    of = tables.deliveries.c
    async with transaction(hub.engine) as at:
        rows = await at.execute(select(of.id, of.state).where(of.id.in_(deliveries)))
        found = {row.id: row.state for row in rows}
    return [found[delivery] for delivery in deliveries]
