"""The CRM's side of a town: how each is opened and connected, and what its people do by hand.

What is asked of every CRM alike is asked of its emulator: its timeline, contacts and replies.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from crm_clients.amocrm.oauth import expiry_in
from crm_clients.emulators.doors import InnerDoor
from crm_clients.emulators.registry import PARTS
from mappers.vocabulary import ConnectionId, WorkspaceId
from mappers.vocabulary.adapters import Budget, Manifest
from middleware.connections.flow import ConnectedNow, Wanted, connect, register_application
from middleware.hub import Hub
from middleware.operations.accounts.flow import install_address

if TYPE_CHECKING:
    from tests.journeys.town import World

SHOP = "shop"
USERS = ("Ольга Менеджер", "Иван Оператор")
PLENTY = 10_000


class Side(Protocol):
    """`paths` are found in the calls that write a message, make a contact, make a deal."""

    @property
    def paths(self) -> Mapping[str, str]: ...

    def open(self, emulator: Any) -> None: ...

    async def connect(self, world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectionId: ...

    def known(self, emulator: Any, name: str, phone: str) -> int: ...

    def deals(self, emulator: Any) -> list[dict[str, Any]]: ...

    def delete_contact(self, emulator: Any, contact: int) -> None: ...


@dataclass(frozen=True, slots=True)
class AmoCrmSide:
    paths: Mapping[str, str]

    def open(self, emulator: Any) -> None:
        emulator.switches.set("rate_limited", value=False)
        emulator.switches.set("retry_scale", value=0.001)
        emulator.switches.set("fetch_again_s", value=0.05)
        emulator.add_account(SHOP)

    async def connect(self, world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectionId:
        return (await connect_account(world, hub, workspace)).id

    def known(self, emulator: Any, name: str, phone: str) -> int:
        values = [{"value": phone, "enum_code": "WORK"}]
        card = {"name": name, "custom_fields_values": [{"field_code": "PHONE", "values": values}]}
        return int(emulator.add_contact(SHOP, card).id)

    def deals(self, emulator: Any) -> list[dict[str, Any]]:
        return [dict(lead) for lead in emulator.leads(SHOP) if not lead["is_deleted"]]

    def delete_contact(self, emulator: Any, contact: int) -> None:
        emulator.delete_contact(SHOP, contact)


@dataclass(frozen=True, slots=True)
class Bitrix24Side:
    paths: Mapping[str, str]

    def open(self, emulator: Any) -> None:
        emulator.switches.rate_limited = False
        emulator.add_portal(SHOP, users=USERS)

    async def connect(self, world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectionId:
        return await connect_portal(world, hub, workspace)

    def known(self, emulator: Any, name: str, phone: str) -> int:
        phones = [{"VALUE": phone, "VALUE_TYPE": "WORK"}]
        return int(emulator.add_card(SHOP, "contact", {"NAME": name, "PHONE": phones}).id)

    def deals(self, emulator: Any) -> list[dict[str, Any]]:
        return [dict(deal) for deal in emulator.deals(SHOP) if not deal["is_deleted"]]

    def delete_contact(self, emulator: Any, contact: int) -> None:
        emulator.delete_card(SHOP, "contact", contact)


@dataclass(frozen=True, slots=True)
class HubSpotSide:
    paths: Mapping[str, str]

    def open(self, emulator: Any) -> None:
        emulator.switches.rate_limited = False
        emulator.switches.retry_scale = 0.0001
        emulator.add_portal(SHOP, users=USERS)

    async def connect(self, world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectionId:
        return await connect_hubspot(world, hub, workspace)

    def known(self, emulator: Any, name: str, phone: str) -> int:
        emulator.switches.search_lag_s = 0.0
        return int(emulator.add_contact(SHOP, name, phone=phone).id)

    def deals(self, emulator: Any) -> list[dict[str, Any]]:
        return [
            {**deal, "contact_ids": deal["tied"].get("contacts", [])}
            for deal in emulator.deals(SHOP)
            if not deal["is_deleted"]
        ]

    def delete_contact(self, emulator: Any, contact: int) -> None:
        emulator.delete_record(SHOP, "contacts", contact)


SIDES: Mapping[str, Side] = {
    "amocrm": AmoCrmSide(
        {
            "writes": "POST /amojo/v2/origin/custom",
            "contacts": "POST /shop/api/v4/contacts",
            "deals": "POST /shop/api/v4/leads",
        }
    ),
    "bitrix24": Bitrix24Side(
        {
            "writes": "imconnector.send.messages",
            "contacts": "crm.contact.add",
            "deals": "crm.deal.add",
        }
    ),
    "hubspot": HubSpotSide(
        {
            "writes": "POST /conversations/custom-channels",
            "contacts": "POST /crm/objects/2026-03/contacts",
            "deals": "POST /crm/objects/2026-03/deals",
        }
    ),
}


async def connect_portal(
    world: "World", hub: Hub, workspace: WorkspaceId, **details: Any
) -> ConnectionId:
    """Register as an integrator does, and let the portal install us.

    `details` are further values of the registration.
    """
    ours = world.bitrix24.add_application("https://example.com")
    values = {
        "client_id": ours.client_id,
        "client_secret": ours.client_secret,
        "oauth_base": world.crm_base,
        "trusted_origins": [world.crm_base],
        **details,
    }
    application, _ = await register_application(hub, workspace, "bitrix24", values)
    ours.install_url = install_address(hub, "bitrix24", application)
    return await install(world, hub, ours.client_id)


async def connect_hubspot(
    world: "World", hub: Hub, workspace: WorkspaceId, **details: Any
) -> ConnectionId:
    """Register as a developer does, and be let into the portal."""
    emulator: Any = world.crm
    desk = PARTS["hubspot"].desk(InnerDoor(emulator, world.crm_base))
    ours = await desk.register("https://hub.example")
    application, hooks = await register_application(hub, workspace, "hubspot", ours.values)
    await desk.take_hooks(ours, hooks, (SHOP,))
    values = {**await desk.admit(SHOP, ours), **details}
    wanted = Wanted(provider="hubspot", application=application, values=values)
    return (await connect(hub, workspace, wanted)).id


async def connect_by_webhook(world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectionId:
    """Connect the portal by a webhook that somebody made in it."""
    made = world.bitrix24.add_webhook(SHOP, scopes=("crm",))
    address = f"{world.crm_base}/{SHOP}/rest/{made['user_id']}/{made['secret']}/"
    wanted = Wanted(provider="bitrix24", values={"webhook": address})
    return (await connect(hub, workspace, wanted)).id


async def install(world: "World", hub: Hub, client_id: str) -> ConnectionId:
    """Install our application in the portal, and wait until its page was shown."""
    emulator: Any = world.crm
    emulator.install(SHOP, client_id)
    await emulator.drain()
    (crm,) = [row for row in await hub.connections.all() if row.kind == "crm"]
    return crm.id


async def connect_account(
    world: "World", hub: Hub, workspace: WorkspaceId, **values_too: Any
) -> ConnectedNow:
    """Register with amoCRM as support would have us do, and connect its account."""
    amocrm = world.amocrm
    integration = amocrm.add_integration("https://hub.example/oauth")
    values = {
        "client_id": integration.client_id,
        "client_secret": integration.client_secret,
        "redirect_uri": integration.redirect_uri,
        "amojo_base": f"{world.amocrm_base}/amojo",
        "oauth_base": world.amocrm_base,
        "trusted_origins": [world.amocrm_base],
    }
    application, hooks = await register_application(hub, workspace, "amocrm", values)
    channel = amocrm.add_channel(integration, f"{hooks}/:scope_id", approved=[SHOP])
    values |= {
        "channel_id": channel.id,
        "channel_secret": channel.secret,
        "channel_bot_id": channel.bot_id,
        "channel_code": channel.code,
    }
    application, _ = await register_application(hub, workspace, "amocrm", values)
    tokens = amocrm.tokens(integration.client_id, SHOP)
    account = amocrm.world.account(SHOP)
    return await connect(
        hub,
        workspace,
        Wanted(
            provider="amocrm",
            application=application,
            values={
                "base": f"{world.amocrm_base}/{SHOP}",
                "account_id": str(account.id),
                "amojo_id": account.amojo_id,
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "expires_at": expiry_in(tokens.access_token),
                **values_too,
            },
        ),
    )


async def connect_without_chats(world: "World", hub: Hub, workspace: WorkspaceId) -> ConnectedNow:
    """Connect the account by a token made in it, with no registration: messages are notes."""
    integration = world.amocrm.add_integration("https://hub.example/oauth")
    account = world.amocrm.world.account(SHOP)
    token = world.amocrm.long_lived_token(integration.client_id, SHOP)
    values = {
        "base": f"{world.amocrm_base}/{SHOP}",
        "account_id": str(account.id),
        "amojo_id": account.amojo_id,
        "access_token": token.access_token,
        "timeline": "notes",
    }
    return await connect(hub, workspace, Wanted(provider="amocrm", values=values))


@contextmanager
def unhurried(providers: Mapping[str, Manifest[Any, Any, Any, Any]], name: str) -> Iterator[None]:
    """Let the hub call this provider as often as it likes: nobody waits here to be polite.

    A hub that has just started takes its budgets for spent, and some fill slowly.
    """
    registry = cast("dict[str, Manifest[Any, Any, Any, Any]]", providers)
    manifest = registry[name]

    def budgets(config: Any, application: Any) -> tuple[Budget, ...]:
        known = manifest.budgets(config, application)
        return tuple(replace(each, rate_per_s=PLENTY, burst=PLENTY) for each in known)

    registry[name] = replace(manifest, budgets=budgets)
    try:
        yield
    finally:
        registry[name] = manifest
