"""Specimens of Telegram's answers, replayed; each says where it comes from."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr
import yaml
from pydantic import SecretStr

from channel_clients.telegram import Config, Telegram
from mappers.vocabulary import (
    Arrival,
    AttachmentKind,
    AuthExpired,
    Blocked,
    Direction,
    Event,
    Failure,
    MessageArrived,
    MessageDeleted,
    Outgoing,
    Permanent,
    Polled,
    ProviderError,
    RateLimited,
    ReachabilityChanged,
    Receipt,
    Transient,
)
from tests.port import NOON, LoopbackHttp

CASSETTES = Path(__file__).parents[1] / "cassettes/telegram"
HI = Outgoing(key="reply-1", conversation="501", text="hi")


async def failure_of(attempt: Awaitable[object]) -> Failure:
    with pytest.raises(ProviderError) as caught:
        await attempt
    return caught.value.failure


async def blocked_by_user(bot: Telegram) -> None:
    assert await failure_of(bot.send(HI)) == Blocked(
        code="telegram.blocked_by_user",
        detail="Forbidden: bot was blocked by the user",
        by="recipient",
    )


async def flood(bot: Telegram) -> None:
    failure = await failure_of(bot.send(HI))
    assert isinstance(failure, RateLimited)
    assert failure.retry_after == timedelta(seconds=7)


async def migrated(bot: Telegram) -> None:
    failure = await failure_of(bot.send(Outgoing(key="reply-1", conversation="-42", text="hi")))
    assert failure == Permanent(
        code="telegram.migrated", detail="-1001234567890", gone="conversation"
    )


async def unauthorized(bot: Telegram) -> None:
    failure = await failure_of(bot.check())
    assert failure == AuthExpired(code="http.401", detail="Unauthorized")


async def conflict(bot: Telegram) -> None:
    passing, lasting = [await failure_of(bot.poll("870001")) for _ in range(2)]
    assert isinstance(passing, Transient)
    assert isinstance(lasting, Blocked)
    assert lasting.by == "provider"


async def updates(bot: Telegram) -> None:
    polled = await bot.poll("870001")
    assert isinstance(polled, Polled)
    assert polled.cursor == "870009"
    events = events_in(bot, polled)
    assert [type(event) for event in events] == [
        MessageArrived,
        MessageArrived,
        ReachabilityChanged,
        MessageArrived,
        MessageArrived,
    ]
    said = [event.message for event in events if isinstance(event, MessageArrived)]
    kinds = [attachment.kind for message in said for attachment in message.attachments]
    assert kinds == [AttachmentKind.CONTACT, AttachmentKind.IMAGE, AttachmentKind.VOICE]


async def business(bot: Telegram) -> None:
    said, deleted = events_in(bot, await bot.poll("870007"))
    assert isinstance(said, MessageArrived)
    assert isinstance(deleted, MessageDeleted)
    assert said.message.direction is Direction.OUTBOUND
    assert said.message.conversation == "Vq1abc:3527065"
    assert deleted.origin == said.message.origin


def events_in(bot: Telegram, polled: Polled) -> list[Event]:
    arrivals = [Arrival(body=p.body, form=p.form, received_at=NOON) for p in polled.parcels]
    return [event for arrival in arrivals for event in bot.read(arrival).events]


async def conversation(bot: Telegram) -> None:
    assert (await bot.check()).title == "@shop_bot"
    sent = await bot.send(HI)
    assert sent == Receipt(provider_ids=("501:2",))
    await bot.delete("501:2")


REPLAYS: dict[str, Callable[[Telegram], Awaitable[None]]] = {
    replay.__name__: replay
    for replay in (
        blocked_by_user,
        flood,
        migrated,
        unauthorized,
        conflict,
        updates,
        business,
        conversation,
    )
}


def test_every_cassette_is_replayed_and_every_replay_has_one() -> None:
    assert {path.stem for path in CASSETTES.iterdir()} == set(REPLAYS)


@pytest.mark.parametrize("name", sorted(REPLAYS))
async def test_replay(name: str) -> None:
    player = vcr.VCR(record_mode="none", match_on=("method", "uri", "body"))
    with player.use_cassette(str(CASSETTES / f"{name}.yaml")) as cassette:
        async with httpx.AsyncClient(trust_env=False) as client:
            await REPLAYS[name](
                Telegram(Config(token=SecretStr("7:REDACTED")), LoopbackHttp(client))
            )
    assert cassette.all_played


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_a_cassette_says_where_it_comes_from(path: Path) -> None:
    said: dict[str, Any] = yaml.safe_load(path.read_text())["metadata"]
    assert set(said) == {"provenance", "source", "read_on"}
    # Nothing has been recorded from Telegram itself, and nothing may claim so.
    assert said["provenance"] in {"documented", "reported", "emulated"}
    assert len(said["source"]) > 20
    assert isinstance(said["read_on"], date)
