"""The promises under pressure: once, in order, and nothing acknowledged is lost."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from crm_clients.amocrm.oauth import expiry_in
from crm_clients.emulators.amocrm import Tokens
from crm_clients.emulators.registry import PARTS
from middleware.connections.flow import resume
from tests.journeys.town import (
    ACCOUNT,
    Plan,
    Town,
    free_port,
    move_in,
    open_world,
    running,
    settings_for,
)

NINA, PETR = 1001, 1002


async def address_of(town: Town, provider: str) -> str:
    rows = await town.rows("SELECT address FROM connections WHERE provider = :p", p=provider)
    return town.hub.settings.hook_address(str(rows[0]["address"]))


def update(number: int, text: str, user: int = NINA) -> dict[str, Any]:
    person = {"id": user, "is_bot": False, "first_name": "Нина"}
    chat = {"id": user, "type": "private", "first_name": "Нина"}
    message = {"message_id": number, "from": person, "chat": chat, "date": 1793300000, "text": text}
    return {"update_id": number, "message": message}


async def knock(town: Town, body: bytes, *, at: str = "", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            at or await address_of(town, "telegram"),
            content=body,
            headers={"x-telegram-bot-api-secret-token": "hush-hush", **headers},
        )


async def sign_in(town: Town, tokens: Tokens) -> None:
    """Keep new tokens, as the consent page's answer would."""
    row = await town.hub.connections.get(town.crm)
    config = town.hub.vault.open(row.config)
    config |= {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": expiry_in(tokens.access_token),
    }
    assert await town.hub.connections.set_config(
        town.crm, town.hub.vault.seal(config), version=row.version
    )


async def test_the_same_webhook_a_hundred_times_and_across_a_restart_is_one_entry(
    postgres_url: str, tmp_path: Path
) -> None:
    body = json.dumps(update(1, "только раз")).encode()
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan())
            at = await address_of(town, "telegram")
            answers = await asyncio.gather(*(knock(town, body, at=at) for _ in range(100)))
            await town.settle()
        async with running(settings) as hub:
            back = Town(world=world, hub=hub, bot=town.bot, crm=town.crm, workspace=town.workspace)
            answers += await asyncio.gather(*(knock(back, body, at=at) for _ in range(20)))
            await back.settle()

            assert {answer.status_code for answer in answers} == {200}
            assert back.entries() == ["только раз"]


async def test_a_token_that_expires_in_the_middle_is_renewed_and_nothing_is_lost(
    every: Town,
) -> None:
    every.telegram.say(NINA, "до", name="Нина")
    await every.settle()
    every.world.crm.stage.arm(PARTS[every.world.crm_name].faults.expired)
    every.telegram.say(PETR, "после", name="Пётр")
    await every.settle()

    assert sorted(every.entries()) == ["до", "после"]
    assert len(every.contacts()) == 2
    assert await every.count("SELECT count(*) FROM connections WHERE state = 'active'") == 2


async def test_a_revoked_account_waits_for_a_person_and_goes_on_where_it_stopped(
    town: Town,
) -> None:
    town.telegram.say(NINA, "раз", name="Нина")
    await town.settle()
    (client,) = town.amocrm.world.integrations
    town.amocrm.revoke(client, ACCOUNT)
    town.telegram.say(PETR, "два", name="Пётр")
    await town.settle()
    states = await town.rows("SELECT state FROM connections WHERE kind = 'crm'")
    assert states == [{"state": "needs_sign_in"}]
    assert town.entries() == ["раз"]

    await sign_in(town, town.amocrm.tokens(client, ACCOUNT))
    await resume(town.hub, town.crm)
    await town.settle()
    assert sorted(town.entries()) == ["два", "раз"]


async def test_poison_is_kept_and_shown_and_harms_no_neighbour(town: Town) -> None:
    poison = update(1, "x")
    poison["message"]["chat"] = "not a chat"
    await knock(town, json.dumps(poison).encode())
    await knock(town, json.dumps(update(2, "сосед")).encode())
    await town.settle()

    assert town.entries() == ["сосед"]
    rows = await town.rows("SELECT state, note FROM inbox WHERE state = 'set_aside'")
    assert len(rows) == 1
    assert rows[0]["note"].startswith("unreadable")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"null", b'{"update_id": "\\u0000"}', b"[" * 10_000, b"1e400"],
)
async def test_nonsense_is_refused_and_counted_and_never_stored(town: Town, body: bytes) -> None:
    answer = await knock(town, body)

    assert answer.status_code == 400
    assert town.hub.refusals.total["malformed"] == 1
    assert await town.count("SELECT count(*) FROM inbox") == 0


async def test_a_forged_call_is_refused_whatever_it_says(town: Town) -> None:
    body = json.dumps(update(1, "не от Telegram")).encode()
    answers = [
        await knock(town, body, **{"x-telegram-bot-api-secret-token": "guess"}),
        await knock(town, body, **{"x-telegram-bot-api-secret-token": ""}),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert town.hub.refusals.total["forged"] == 2
    assert await town.count("SELECT count(*) FROM inbox") == 0


async def test_ten_megabytes_are_refused_before_they_are_read(town: Town) -> None:
    answer = await knock(town, b"x" * 10_000_000)

    assert answer.status_code == 413
    assert await town.count("SELECT count(*) FROM inbox") == 0


async def test_a_nul_and_a_lone_surrogate_in_a_message_are_replaced_and_the_rest_arrives(
    town: Town,
) -> None:
    body = json.dumps(update(1, "до\0после\ud800!")).encode()
    await knock(town, body)
    await town.settle()

    assert town.entries() == ["до�после�!"]


async def test_a_send_whose_answer_is_lost_is_held_and_never_repeated(every: Town) -> None:
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    await every.settle()
    every.telegram.stage.arm("cut_after", match="sendMessage")
    every.reply(NINA, "дошло ли?")
    await every.settle()
    every.reply(NINA, "следующий")
    await every.settle()

    assert every.seen_by(NINA) == ["дошло ли?", "следующий"]
    (first, second) = await every.told()
    assert first[-1][0] == -1
    assert "Не набирайте" in first[-1][1]
    assert second == [(1, "")]
    held = await every.rows("SELECT state, kind FROM deliveries WHERE state = 'held'")
    assert held == [{"state": "held", "kind": "send"}]


async def test_a_send_that_provably_did_not_happen_is_repeated(every: Town) -> None:
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    await every.settle()
    every.telegram.stage.arm("flood_at_proxy", match="sendMessage")
    every.reply(NINA, "один раз")
    await every.settle()

    assert every.seen_by(NINA) == ["один раз"]


@pytest.mark.parametrize("fault", ["cut_after", "error_500_after", "garbage", "bad_gateway_before"])
async def test_whatever_happens_to_a_write_the_timeline_has_it_once_and_in_order(
    every: Town, fault: str
) -> None:
    every.telegram.say(NINA, "0", name="Нина")
    await every.settle()
    every.arm(fault, "writes", times=3)
    for number in range(1, 8):
        every.telegram.say(NINA, str(number))
    await every.settle()

    assert every.entries() == [str(number) for number in range(8)]


async def test_an_outage_of_the_crm_ends_in_delivery(every: Town) -> None:
    stage = every.world.crm.stage
    stage.arm("unavailable_before", times=-1)
    for number in range(5):
        every.telegram.say(NINA, f"{number}", name="Нина")
    async with every.patience():
        while stage.faults_met.get("unavailable_before", 0) < 5:
            await every.pause()
    stage.clear()
    await every.settle()

    assert every.entries() == [f"{number}" for number in range(5)]
