"""The hook door: what an adapter's door is told, and what is kept of a call for several."""

import json
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mappers.vocabulary import ConnectionId, Parcel, Received, Webhook
from middleware.store.rows import Parcelled
from middleware.webhooks.addresses import Place
from middleware.webhooks.door import HookDoor
from middleware.webhooks.refusals import Refusals
from tests.manual_clock import ManualClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OURS = ConnectionId(UUID(int=7))


class Shared:
    """A provider's door that serves many accounts: the body lists them."""

    def __init__(self) -> None:
        self.hooks: list[Webhook] = []

    def receive(self, hook: Webhook) -> Received:
        self.hooks.append(hook)
        accounts = json.loads(hook.body)
        return Received(
            parcels=tuple(Parcel(key=each, body=b"", account=each) for each in accounts)
        )


class Place7:
    def __init__(self, door: Shared) -> None:
        self._place = Place(provider="p", door=door, accounts={"acme": OURS})

    async def find(self, address: str, account: str = "") -> Place | None:
        del address, account
        return self._place


class Kept:
    def __init__(self) -> None:
        self.parcels: list[Parcelled] = []

    async def keep(self, parcels: Sequence[Parcelled]) -> None:
        self.parcels += parcels

    def miss(self, why: Exception) -> None:
        raise why


class Knock:
    """One hub's door, and what it answered."""

    def __init__(self) -> None:
        self.behind, self.kept, self.refusals = Shared(), Kept(), Refusals()
        finder = Place7(self.behind)
        self._door = HookDoor(
            _nothing,
            finder,
            self.kept,
            self.refusals,
            body_limit=1000,
            clock=ManualClock(NOW.timestamp()),
        )
        self.status = 0

    async def __call__(self, accounts: list[str], query: bytes = b"") -> int:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/hooks/abc/tail",
            "query_string": query,
            "headers": [],
        }
        body = json.dumps(accounts).encode()

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            self.status = message.get("status", self.status)

        await self._door(scope, receive, send)
        return self.status


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError(f"a call for the door went past it: {scope['path']}")


async def test_accounts_that_we_know_are_kept_beside_a_stranger_who_is_counted() -> None:
    knock = Knock()
    assert await knock(["acme", "stranger", "acme"]) == 200
    assert [each.connection for each in knock.kept.parcels] == [OURS, OURS]
    assert knock.refusals.total == {"unknown account": 1}


async def test_a_call_for_strangers_alone_is_refused() -> None:
    knock = Knock()
    assert await knock(["stranger", "another"]) == 404
    assert knock.kept.parcels == []
    assert knock.refusals.total == {"unknown account": 1}


async def test_a_door_sees_the_query_as_it_came_and_when() -> None:
    knock = Knock()
    await knock(["acme"], b"a=1%2C2&b=%20")
    (hook,) = knock.behind.hooks
    assert (hook.raw_query, hook.tail, hook.received_at) == ("a=1%2C2&b=%20", "tail", NOW)
    assert hook.query == {"a": "1,2", "b": " "}
