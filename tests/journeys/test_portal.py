"""What is a portal's alone: markup, ties of dialogs, installations, renaming, forged events."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.portal import dialogs, install_anew, open_portal, our_client
from tests.journeys.town import ACCOUNT, Town

NINA = 1001


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_portal(postgres_url, tmp_path) as opened:
        yield opened


async def test_what_a_customer_types_is_no_markup_and_what_an_operator_types_is(
    town: Town,
) -> None:
    town.telegram.say(NINA, "Есть [b]красные[/b]?", name="Нина Петрова")
    await town.settle()

    assert town.entries() == ["Есть [b]красные[/b]?"]
    (said,) = [message.text for dialog in dialogs(town) for message in dialog.messages]
    assert said != "Есть [b]красные[/b]?"

    town.reply(NINA, "Есть, [b]приезжайте[/b][br]До восьми")
    await town.settle()

    assert town.seen_by(NINA) == ["Есть, приезжайте\nДо восьми"]


async def test_a_dialog_is_tied_to_the_contact_by_its_code(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()

    (dialog,) = dialogs(town)
    (contact,) = town.bitrix24.contacts(ACCOUNT)
    messengers = [each["VALUE"] for each in contact["fields"].get("IM", ())]
    assert f"imol|{dialog.code}" in [each["value"] for each in contact["multi"]] + messengers


async def test_a_message_without_a_session_is_no_second_message(town: Town) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.stage.arm("no_session", match="imconnector.send.messages")
    town.telegram.say(NINA, "Два")
    await town.settle()

    assert town.entries() == ["Раз", "Два"]


async def test_the_first_message_of_somebody_unknown_is_no_second_message(town: Town) -> None:
    """Nothing but the answer that was lost told who they are to the portal."""
    town.bitrix24.stage.arm("cut_after", match="imconnector.send.messages")
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()

    assert town.entries() == ["Раз"]


async def test_a_portal_that_was_renamed_goes_on(town: Town) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.rename(ACCOUNT, "shop-new")
    town.telegram.say(NINA, "Два")
    await town.settle()

    dialogs = town.bitrix24.timeline("shop-new")
    assert [m.text for dialog in dialogs for m in dialog.messages] == ["Раз", "Два"]


async def test_installing_again_takes_the_connection_up(town: Town) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    town.bitrix24.uninstall(ACCOUNT, our_client(town))
    await town.settle()
    assert (await town.hub.connections.get(town.crm)).state == "needs_sign_in"

    assert await install_anew(town) == town.crm
    town.telegram.say(NINA, "Два")
    await town.settle()
    town.reply(NINA, "Слушаю")
    await town.settle()

    assert town.entries()[:2] == ["Раз", "Два"]
    assert town.seen_by(NINA) == ["Слушаю"]


async def test_an_installation_is_taken_up_shown_in_a_frame_and_nothing_else_is_believed(
    town: Town,
) -> None:
    address = town.bitrix24.world.applications[our_client(town)].install_url
    told = town.bitrix24.install(ACCOUNT, our_client(town), quietly=True)
    page = {
        "AUTH_ID": told["access_token"],
        "REFRESH_ID": told["refresh_token"],
        "SERVER_ENDPOINT": told["server_endpoint"],
        "APPLICATION_TOKEN": told["application_token"],
        "member_id": told["member_id"],
    }
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        query = {"DOMAIN": "shop.bitrix24.ru"}
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
    town: Town,
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
