"""A customer writes in Telegram, an operator answers in an open line of a portal."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.journeys.portal import ACME, PortalTown, move_in, open_portal, open_providers
from tests.journeys.town import free_port, running, settings_for

NINA = 1001

pytestmark = pytest.mark.usefixtures("unlimited_portal")
PDF = b"%PDF-1.4\n" + b"0" * 300


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[PortalTown]:
    async with open_portal(postgres_url, tmp_path) as opened:
        yield opened


async def test_a_message_reaches_the_line_and_the_answer_comes_back(town: PortalTown) -> None:
    town.telegram.say(NINA, "Здравствуйте, [b]есть[/b] красные?", name="Нина Петрова")
    await town.settle()

    (said,) = town.entries()
    assert said.replace("\u200b", "") == "Здравствуйте, [b]есть[/b] красные?"
    assert said != said.replace("\u200b", "")
    (contact,) = town.bitrix24.contacts(ACME)
    assert contact["name"] == "Нина Петрова"
    assert len(town.bitrix24.deals(ACME)) == 1

    town.reply(NINA, "Есть, [b]приезжайте[/b][br]До восьми")
    await town.settle()

    assert town.seen_by(NINA) == ["Есть, приезжайте\nДо восьми"]
    (reply,) = town.bitrix24.replies
    assert reply.hook_status == 200
    assert [mark.code for mark in reply.statuses] == [1]


async def test_a_dialog_is_tied_to_the_contact_by_its_code(town: PortalTown) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()

    (dialog,) = town.dialogs()
    (contact,) = town.bitrix24.contacts(ACME)
    messengers = [each["VALUE"] for each in contact["fields"].get("IM", ())]
    assert f"imol|{dialog.code}" in [each["value"] for each in contact["multi"]] + messengers


async def test_a_lost_answer_brings_no_second_message(town: PortalTown) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.stage.arm("cut_after", match="imconnector.send.messages")
    town.telegram.say(NINA, "Два")
    await town.settle()
    town.bitrix24.stage.arm("no_session", match="imconnector.send.messages")
    town.telegram.say(NINA, "Три")
    await town.settle()

    assert town.entries() == ["Раз", "Два", "Три"]


async def test_a_portal_that_was_renamed_goes_on(town: PortalTown) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.rename(ACME, "acme-new")
    town.telegram.say(NINA, "Два")
    await town.settle()

    dialogs = town.bitrix24.timeline("acme-new")
    assert [m.text for dialog in dialogs for m in dialog.messages] == ["Раз", "Два"]


async def test_installing_again_takes_the_connection_up(town: PortalTown) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.uninstall(ACME, town.client_id)
    await town.settle()
    assert (await town.hub.connections.get(town.crm)).state == "needs_sign_in"

    assert await town.install() == town.crm
    town.telegram.say(NINA, "Два")
    await town.settle()
    town.reply(NINA, "Слушаю")
    await town.settle()

    assert town.entries()[:2] == ["Раз", "Два"]
    assert town.seen_by(NINA) == ["Слушаю"]


async def test_an_installation_is_taken_up_shown_in_a_frame_and_nothing_else_is_believed(
    town: PortalTown,
) -> None:
    address = town.bitrix24.world.applications[town.client_id].install_url
    told = town.bitrix24.install(ACME, town.client_id, quietly=True)
    page = {
        "AUTH_ID": told["access_token"],
        "REFRESH_ID": told["refresh_token"],
        "SERVER_ENDPOINT": told["server_endpoint"],
        "APPLICATION_TOKEN": told["application_token"],
        "member_id": told["member_id"],
    }
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        query = {"DOMAIN": "acme.bitrix24.ru"}
        taken = await client.post(address, params=query, data=page)
        again = await client.post(address, params=query, data=page)
        nonsense = await client.post(address, content=b"x=1")
        endless = await client.post(address, content=b"x" * 70_000)
        nobodys = await client.post(f"{address[:-4]}0000", data=page)
    assert taken.status_code == 200
    assert "installFinish" in taken.text
    assert "frame-ancestors https:" in taken.headers["content-security-policy"]
    assert [each.status_code for each in (again, nonsense, endless, nobodys)] == [
        502,
        422,
        413,
        404,
    ]
    connections = await town.hub.connections.all()
    assert len([each for each in connections if each.kind == "crm"]) == 1
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.reply(NINA, "С новым токеном")
    await town.settle()
    assert town.seen_by(NINA) == ["С новым токеном"]


async def test_events_that_come_together_twice_or_forged_are_one_reply_each(
    town: PortalTown,
) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.bitrix24.stage.arm("merged_events", match="ONIMCONNECTORMESSAGEADD")
    town.reply(NINA, "Раз")
    town.reply(NINA, "Два")
    await town.settle()
    town.bitrix24.stage.arm("duplicate_event", match="ONIMCONNECTORMESSAGEADD")
    town.reply(NINA, "Три")
    await town.settle()
    town.bitrix24.stage.arm("wrong_application_token", match="ONIMCONNECTORMESSAGEADD")
    forged = town.reply(NINA, "Не от нас")
    await town.settle()

    assert town.seen_by(NINA) == ["Раз", "Два", "Три"]
    assert forged.hook_status == 401


async def test_a_file_of_either_side_arrives_as_itself(town: PortalTown) -> None:
    town.telegram.show(NINA, "photo", caption="Вот такой")
    await town.settle()
    (shown,) = [message for dialog in town.dialogs() for message in dialog.messages]
    assert shown.text == "Вот такой"
    assert len(shown.files) == 1

    held = town.bitrix24.upload(ACME, "прайс.pdf", PDF)
    to = town.dialogs()[0].chat_id
    town.bitrix24.reply_with_files(ACME, to, [held], text="Прайс")
    await town.settle()
    (sent,) = [m for m in town.telegram.chats()[0]["messages"] if m["from"] == "bot"]
    assert sent["text"] == "Прайс"
    assert [file["kind"] for file in sent["shown"]] == ["document"]
    assert town.bitrix24.replies[0].hook_status == 200


async def test_replies_typed_while_the_hub_was_away_arrive_once_and_in_order(
    postgres_url: str, tmp_path: Path
) -> None:
    gap = timedelta(milliseconds=1)
    settings = settings_for(postgres_url, tmp_path, free_port(), gap_after=gap)
    async with open_providers() as there:
        async with running(settings) as hub:
            town = await move_in(there, hub)
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
        for number in range(5):
            town.reply(NINA, f"ответ {number}")
        await there.bitrix24.drain()

        async with running(settings) as hub:
            back = replace(town, hub=hub)
            back.reply(NINA, "уже вернулись")
            await back.settle()
            assert back.seen_by(NINA) == [*(f"ответ {n}" for n in range(5)), "уже вернулись"]
