"""Whose a hook address is: known at once, also when another process connected it just now."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from mappers.vocabulary import ConnectionId
from middleware.connections.model import ConnectionSettings
from middleware.connections.store import ApplicationRow, ConnectionRow, NewConnection
from middleware.hub import Hub
from middleware.registry import kind_of, manifest_of
from middleware.secrets import exposed, new_address
from middleware.store.errors import StoreUnavailable
from middleware.webhooks.addresses import Addresses

BOT = "70010{number}:" + "A" * 35


async def connected(hub: Hub, number: int = 0) -> str:
    """Connect a bot as another process would; return its address."""
    values = {"token": BOT.format(number=number), "webhook_secret": "hush"}
    return await added(hub, "telegram", values, account=f"70010{number}")


async def added(hub: Hub, provider: str, values: Any, **changes: Any) -> str:
    config = manifest_of(provider).config.model_validate(values)
    address = new_address()
    row: dict[str, Any] = {
        "workspace": await hub.connections.workspace(),
        "kind": kind_of(provider),
        "provider": provider,
        "account": "",
        "aliases": (),
        "title": provider,
        "config": hub.vault.seal(exposed(config)),
        "address": address,
        "settings": ConnectionSettings(),
        "listens": False,
        "application": None,
    }
    await hub.connections.add(NewConnection(**(row | changes)))
    return address


class Counted:
    """The store of connections, counting who asks."""

    def __init__(self, hub: Hub) -> None:
        self._inner = hub.connections
        self.asked: list[int] = []
        self.is_away = False

    async def behind(
        self, addresses: Collection[str]
    ) -> tuple[tuple[ConnectionRow, ...], tuple[ApplicationRow, ...]]:
        self.asked.append(len(addresses))
        if self.is_away:
            raise StoreUnavailable("away")
        return await self._inner.behind(addresses)

    async def all(self) -> tuple[ConnectionRow, ...]:
        return await self._inner.all()

    async def applications(self) -> tuple[ApplicationRow, ...]:
        return await self._inner.applications()


def book(hub: Hub) -> tuple[Addresses, Counted]:
    store = Counted(hub)
    return Addresses(store, hub.vault, hub.clock), store  # type: ignore[arg-type]


async def test_what_another_process_connected_is_known_at_once(hub: Hub) -> None:
    addresses, store = book(hub)
    await addresses.reload()
    for number in range(3):
        address = await connected(hub, number)
        places = await asyncio.gather(*(addresses.find(address) for _ in range(20)))
        assert {place.provider for place in places if place} == {"telegram"}
        assert None not in places
        assert await addresses.find(address) is places[0]
    assert store.asked == [1, 1, 1]


async def test_those_who_guess_share_a_few_questions(hub: Hub) -> None:
    addresses, store = book(hub)
    address = await connected(hub)
    guesses = [addresses.find(new_address()) for _ in range(3000)]
    found = await asyncio.gather(*guesses[:400], addresses.find(address), *guesses[400:])
    assert [place is not None for place in found].count(True) == 1
    assert len(store.asked) <= 3


@pytest.mark.parametrize("address", ["", "a\0b", "x" * 65, "ключ", "a b", "a/../b"])
async def test_what_cannot_be_an_address_is_not_looked_up(hub: Hub, address: str) -> None:
    addresses, store = book(hub)
    assert await addresses.find(address) is None
    assert store.asked == []


async def test_a_database_that_is_away_is_told_and_asked_again(hub: Hub) -> None:
    addresses, store = book(hub)
    address = await connected(hub)
    store.is_away = True
    told = await asyncio.gather(
        *(addresses.find(address) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in told] == [StoreUnavailable] * 3
    store.is_away = False
    assert await addresses.find(address) is not None


async def test_an_account_unknown_at_a_known_address_is_looked_up(hub: Hub) -> None:
    values = {
        "client_id": "id",
        "client_secret": "hush",
        "redirect_uri": "https://hub.example/oauth",
        "hook_address": "https://hub.example/hooks/x",
    }
    manifest = manifest_of("amocrm")
    assert manifest.application is not None
    sealed = hub.vault.seal(exposed(manifest.application.model_validate(values)))
    application, address = await hub.connections.save_application(
        await hub.connections.workspace(), "amocrm", "id", sealed, new_address()
    )
    addresses, store = book(hub)
    await addresses.reload()
    account = {"base": "https://shop.amocrm.ru", "account_id": "1", "amojo_id": "a1"}
    config = {**account, "access_token": "t", "timeline": "notes"}
    await added(hub, "amocrm", config, account="shop", application=application)

    place = await addresses.find(address, "shop")
    assert place is not None
    assert place.connection("shop") is not None
    assert place.connection("stranger") is None
    assert store.asked == [1]


async def test_a_reload_opens_no_secret_that_has_not_changed(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses, _ = book(hub)
    kept, changed = await connected(hub, 0), await connected(hub, 1)
    await addresses.reload()
    before = {address: await addresses.find(address) for address in (kept, changed)}
    row = next(row for row in await hub.connections.all() if row.address == changed)
    config = manifest_of("telegram").config.model_validate(
        {"token": BOT.format(number=1), "webhook_secret": "another"}
    )
    await hub.connections.set_config(row.id, hub.vault.seal(exposed(config)), version=row.version)
    await addresses.reload()
    after = {address: await addresses.find(address) for address in (kept, changed)}
    assert after[kept] is before[kept]
    assert after[changed] != before[changed]


async def test_what_was_removed_is_forgotten(hub: Hub) -> None:
    addresses, _ = book(hub)
    address = await connected(hub)
    assert await addresses.find(address) is not None
    row = next(iter(await hub.connections.all()))
    await hub.connections.set_state(ConnectionId(row.id), "removed")
    await addresses.reload()
    assert await addresses.find(address) is None
