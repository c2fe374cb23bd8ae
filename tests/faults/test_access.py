"""Credentials that run out, keys that change, addresses that lead inside, tenants side by side."""

import asyncio
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from channel_clients.emulators.stage import Request, Response, serving
from crm_clients.amocrm.oauth import expiry_in
from mappers.vocabulary import WorkspaceId
from middleware.connections.flow import Wanted, connect, resume
from middleware.errors import HubError
from middleware.hub import open_hub
from middleware.ids import uuid7
from middleware.operations.access.flow import reseal_secrets
from middleware.operations.model import Caller
from tests.faults.scene import (
    NINA,
    PETR,
    back_in,
    calls,
    cards,
    change,
    chat_door,
    chat_hook,
    helping,
    knock,
    open_shop,
    until,
    until_rows,
    words_of,
)
from tests.journeys.town import ACCOUNT, Town, free_port

REFRESH = r"POST /shop/oauth2/access_token$"
OTHER_BOT = "700300:" + "C" * 35


def expire_access(town: Town) -> None:
    """Let every access token run out; the refresh tokens stay good."""
    for token in town.amocrm.world.tokens.values():
        token.expires_at = 0.0


async def sign_in(town: Town) -> None:
    """An administrator gives consent again: the connection gets a new pair of tokens."""
    row = await town.hub.connections.get(town.crm)
    (client,) = town.amocrm.world.integrations
    tokens = town.amocrm.tokens(client, ACCOUNT)
    config = town.hub.vault.open(row.config) | {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": expiry_in(tokens.access_token),
    }
    sealed = town.hub.vault.seal(config)
    assert await town.hub.connections.set_config(town.crm, sealed, version=row.version)
    await resume(town.hub, town.crm)


async def test_fault_13_a_token_that_runs_out_in_mid_traffic_is_renewed_once(town: Town) -> None:
    town.telegram.say(NINA, "до", name="Нина")
    await town.settle()
    expire_access(town)
    for user in range(2001, 2005):
        town.telegram.say(user, "после", name=f"Клиент {user}")
    await town.settle()

    assert calls(town.amocrm.stage, REFRESH) == [200]
    assert [words_of(town, user) for user in range(2001, 2005)] == [["после"]] * 4
    assert len(cards(town)) == 5


async def test_fault_13_eight_who_want_new_tokens_at_once_spend_one_refresh_token(
    town: Town,
) -> None:
    settings = town.hub.settings.model_copy(update={"port": free_port()})
    async with helping(settings) as other:
        directories = [town.hub.directory, other.directory]
        seen = [await each.get(town.crm) for each in directories]
        wanting = [(each, old) for each, old in zip(directories, seen, strict=True)] * 4
        renewed = await asyncio.gather(*(each.renew(old) for each, old in wanting))

    assert renewed == [True] * 8
    assert calls(town.amocrm.stage, REFRESH) == [200]
    town.telegram.say(NINA, "работает", name="Нина")
    await town.settle()
    assert town.entries() == ["работает"]


async def test_fault_13_a_refresh_whose_answer_is_lost_waits_for_a_person_and_loses_nothing(
    town: Town,
) -> None:
    town.telegram.say(NINA, "до", name="Нина")
    await town.settle()
    town.amocrm.stage.arm("refresh_answer_lost", match="oauth2")
    expire_access(town)
    town.telegram.say(PETR, "раз", name="Пётр")
    waits = "SELECT count(*) FROM connections WHERE state = 'needs_sign_in'"
    await until_rows(town, waits)
    town.telegram.say(PETR, "два")
    await town.settle()
    assert words_of(town, PETR) == []

    await sign_in(town)
    await town.settle()
    assert words_of(town, PETR) == ["раз", "два"]
    assert len(cards(town)) == 2


async def test_fault_40_keys_change_while_messages_wait(quiet_town: Town) -> None:
    town = quiet_town
    old = (town.hub.settings.data_dir / "keys").read_text("ascii").split()
    new = Fernet.generate_key().decode()
    town.amocrm.stage.arm("unavailable_before", times=-1)
    async with back_in(town):
        town.telegram.say(NINA, "под старым ключом", name="Нина")
        await until(town, lambda: bool(town.amocrm.stage.faults_met))

    both = SecretStr(",".join([new, *old]))
    settings = town.hub.settings.model_copy(update={"secret_keys": both})
    async with open_hub(settings) as rotating:
        link = town.hub.vault.sign("held/1")
        assert rotating.vault.is_signed("held/1", link)
        await change(town, "UPDATE pulses SET at = at - interval '1 hour'")
        done = await reseal_secrets(rotating, Caller(workspace=town.workspace, name="admin"))
        assert done.resealed == 3
    town.amocrm.stage.clear()
    alone = settings.model_copy(update={"secret_keys": SecretStr(new)})
    async with back_in(town, alone) as back:
        await back.settle()
        town.reply(NINA, "под новым")
        await back.settle()

    assert town.entries() == ["под старым ключом", "под новым"]
    assert town.seen_by(NINA) == ["под новым"]


# 25. Two workspaces.


async def second_workspace(town: Town) -> WorkspaceId:
    other = WorkspaceId(uuid7())
    await change(town, "INSERT INTO workspaces (id, name) VALUES (:id, 'rival')", id=other)
    return other


CROSSED = """
    SELECT (SELECT count(*) FROM deliveries AS d JOIN connections AS c ON c.id = d.target_id
            WHERE c.workspace_id <> d.workspace_id)
         + (SELECT count(*) FROM messages AS m JOIN connections AS c ON c.id = m.connection_id
            WHERE c.workspace_id <> m.workspace_id)
         + (SELECT count(*) FROM contact_links AS l JOIN connections AS c ON c.id = l.connection_id
            JOIN contacts AS p ON p.id = l.contact_id WHERE c.workspace_id <> p.workspace_id)
"""


async def test_fault_25_one_person_in_two_workspaces_is_two_people(town: Town) -> None:
    rival = await open_shop(town, OTHER_BOT, "rival", await second_workspace(town))
    ours = town.telegram.bot("shop_bot").token
    for bot, words in ((ours, "нам"), (rival.token, "им")):
        town.telegram.share_contact(NINA, "+79990001122", bot=bot)
        town.telegram.say(NINA, words, bot=bot)
    await town.settle()
    town.reply(NINA, "от нас")
    (chat,) = town.amocrm.timeline("rival")
    town.amocrm.reply("rival", chat.chat_id, "от них")
    await town.settle()

    assert words_of(town, NINA)[1:] == ["нам", "от нас"]
    assert words_of(town, NINA, account="rival", bot=rival.token)[1:] == ["им", "от них"]
    assert len(cards(town)) == len(cards(town, "rival")) == 1
    seen = {
        bot: [m["text"] for m in town.telegram.chats(bot)[0]["messages"] if m["from"] == "bot"]
        for bot in (ours, rival.token)
    }
    assert seen == {ours: ["от нас"], rival.token: ["от них"]}
    assert await town.count("SELECT count(*) FROM contacts") == 2
    assert await town.count(CROSSED) == 0


async def test_fault_25_a_hook_reaches_no_other_workspace(town: Town) -> None:
    await open_shop(town, OTHER_BOT, "rival", await second_workspace(town))
    town.telegram.say(NINA, "нам", name="Нина", bot="shop_bot")
    await town.settle()
    before = await town.count("SELECT count(*) FROM inbox")
    ours, theirs = chat_door(town), chat_door(town, "rival")
    body = chat_hook(town, "чужое", name="crossed")
    crossed = await knock(theirs.url, body, **ours.signed(body))
    renamed = body.replace(
        town.amocrm.world.account(ACCOUNT).amojo_id.encode(),
        town.amocrm.world.account("rival").amojo_id.encode(),
    )
    elsewhere = await knock(theirs.url, renamed, **theirs.signed(renamed))
    await town.settle()

    assert crossed.status_code == 401
    assert elsewhere.status_code == 200
    assert await town.count("SELECT count(*) FROM inbox") == before + 1
    chat = town.telegram.chats("shop_bot")[0]
    assert [m["text"] for m in chat["messages"] if m["from"] == "bot"] == []


# 26. Addresses that lead inside.


async def test_fault_26_no_address_of_an_account_leads_inside(town: Town) -> None:
    visited: list[Request] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            visited.append(Request(method=scope["method"], path=scope["path"]))

    row = await town.hub.connections.get(town.crm)
    values = town.hub.vault.open(row.config)
    async with serving(inside) as victim:
        port = victim.rpartition(":")[2]
        for base in (
            victim,
            f"http://localhost:{port}/shop",
            f"http://[::ffff:127.0.0.1]:{port}",
            f"http://2130706433:{port}",
            f"https://shop.amocrm.ru:{port}",
            f"https://shop.amocrm.ru@127.0.0.1:{port}",
            f"https://127.0.0.1:{port}/shop.amocrm.ru",
            "https://shop.amocrm.ru.rival.example",
            "http://169.254.169.254/latest",
        ):
            wanted = Wanted(
                provider="amocrm",
                application=row.application_id,
                values={**values, "base": base},
            )
            with pytest.raises(HubError):
                await connect(town.hub, town.workspace, wanted)
    assert visited == []


async def test_fault_26_a_provider_that_points_inside_is_not_followed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited: list[str] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            visited.append(scope["path"])

    answer = town.amocrm.answer
    async with serving(inside) as victim:
        exchange = town.amocrm.stage.exchange

        async def point_inside(request: Request, _: Any) -> Response:
            headers = {"location": f"{victim}{request.path}"}
            if request.path.startswith("/shop/api/v4/contacts"):
                return Response(status=307, headers=headers)
            return await exchange(request, answer)

        monkeypatch.setattr(town.amocrm.stage, "exchange", point_inside)
        town.telegram.say(NINA, "раз", name="Нина")
        await until_rows(town, "SELECT count(*) FROM connections WHERE state = 'broken'")
        monkeypatch.undo()
    assert visited == []

    await resume(town.hub, town.crm)
    await town.settle()
    assert town.entries() == ["раз"]
