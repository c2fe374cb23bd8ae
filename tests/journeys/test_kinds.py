"""Every kind of message, from a customer's phone to the operator's card and back."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from crm_clients.emulators.contract import Sent
from tests.journeys.town import ACCOUNT, Plan, Town, open_town

NINA = 1001
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 3000
OGG = b"OggS" + b"\0" * 24 + b"OpusHead" + b"\0" * 100
MP3 = b"ID3" + b"\0" * 100
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 100
PDF = b"%PDF-1.4\n%%EOF"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40

FILES = (
    ("photo", JPEG, "picture"),
    ("document", PDF, "file"),
    ("voice", OGG, "voice"),
    ("audio", MP3, "audio"),
    ("video", MP4, "video"),
    ("video_note", MP4, "video"),
    ("animation", MP4, "video"),
    ("sticker", WEBP, "sticker"),
)
OTHERS = (
    ("location", "location", ""),
    ("venue", "location", ""),
    ("poll", "text", "Удобно?"),
    ("dice", "text", "🎲 6"),
)
REPLIES = (
    ("picture", "красные.jpg", JPEG, "photo"),
    ("file", "счёт.pdf", PDF, "document"),
    ("voice", "ответ.ogg", OGG, "voice"),
    ("video", "обзор.mp4", MP4, "video"),
)


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, tmp_path) as opened:
        opened.amocrm.switches.set("fetches_media", value=True)
        yield opened


def shown_in(town: Town) -> list[dict[str, Any]]:
    return [dict(message.content) for message in town.timeline()[0].messages]


async def test_every_file_of_a_customer_is_on_the_card_as_what_it_is_and_in_order(
    town: Town,
) -> None:
    for kind, content, _ in FILES:
        town.telegram.show(NINA, kind, content=content)
        town.telegram.say(NINA, f"это {kind}", name="Нина")
    await town.settle()

    shown = shown_in(town)
    assert [entry["type"] for entry in shown[::2]] == [becomes for _, _, becomes in FILES]
    assert [entry["text"] for entry in shown[1::2]] == [f"это {kind}" for kind, _, _ in FILES]
    brought = [town.amocrm.world.fetched[entry["media"]] for entry in shown[::2]]
    assert brought == [content for _, content, _ in FILES]


async def test_what_needs_no_file_is_on_the_card_too(town: Town) -> None:
    for kind, _, _ in OTHERS:
        town.telegram.show(NINA, kind)
    town.telegram.share_contact(NINA, "+79990001122", whose_id=0)
    await town.settle()

    *shown, card = shown_in(town)
    assert [entry["type"] for entry in shown] == [becomes for _, becomes, _ in OTHERS]
    for entry, (_, _, words) in zip(shown, OTHERS, strict=True):
        assert words in entry.get("text", "")
    assert card["type"] == "contact"
    assert "79990001122" in str(card)


async def test_every_file_of_an_operator_is_in_the_chat_as_what_it_is_and_in_order(
    town: Town,
) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    for kind, name, content, _ in REPLIES:
        sent = town.amocrm.upload(town.world.amocrm_base, name, content, kind=kind)
        town.amocrm.reply_with_files(ACCOUNT, town.timeline()[0].chat_id, [sent], text=name)
    town.reply(NINA, "Берёте?")
    await town.settle()

    chat = town.telegram.chats()[0]
    *files, words = [each for each in chat["messages"] if each["from"] == "bot"]
    assert [file["text"] for file in files] == [name for _, name, _, _ in REPLIES]
    shown = [file["shown"][0] for file in files]
    assert [each["kind"] for each in shown] == [becomes for _, _, _, becomes in REPLIES]
    kept = [town.telegram.world.files[each["file_id"]].content for each in shown]
    assert kept == [content for _, _, content, _ in REPLIES]
    assert words["text"] == "Берёте?"
    assert [[s.code for s in reply.statuses] for reply in town.amocrm.replies] == [[1]] * 5


async def test_every_file_is_on_either_side_as_it_was(every: Town) -> None:
    """Byte by byte and in order, whatever the CRM calls it."""
    for kind, content, _ in FILES:
        every.telegram.show(NINA, kind, content=content)
    await every.settle()
    desk = every.desk
    for kind, name, content, _ in REPLIES:
        chat = every.chats()[0].chat_id
        await desk.send_files(ACCOUNT, chat, [Sent(kind, name, content)], text=name)
    await every.settle()

    (chat,) = await desk.timeline(ACCOUNT)
    shown = [each for each in chat["messages"] if not each["is_from_operator"]]
    assert [each["sha256"] for each in shown] == [digest(content) for _, content, _ in FILES]
    phone = [each for each in every.telegram.chats()[0]["messages"] if each["from"] == "bot"]
    assert [each["text"] for each in phone] == [name for _, name, _, _ in REPLIES]
    handles = [each["shown"][0]["file_id"] for each in phone]
    kept = [every.telegram.world.files[handle].content for handle in handles]
    assert kept == [content for _, _, content, _ in REPLIES]
    assert await every.told() == [[(1, "")]] * len(REPLIES)


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


async def test_every_kind_is_on_the_card_where_the_crm_has_notes_only(
    postgres_url: str, tmp_path: Path
) -> None:
    async with open_town(postgres_url, tmp_path, Plan(notes=True)) as town:
        for kind, content, _ in FILES:
            town.telegram.show(NINA, kind, content=content)
            town.telegram.say(NINA, f"это {kind}", name="Нина")
        for kind, _, _ in OTHERS:
            town.telegram.show(NINA, kind)
        town.telegram.share_contact(NINA, "+79990001122", whose_id=0)
        await town.settle()

        notes = [note.text for note in town.notes()]
        shown, others = notes[: 2 * len(FILES)], notes[2 * len(FILES) :]
        assert shown[1::2] == [f"это {kind}" for kind, _, _ in FILES]
        async with httpx.AsyncClient(trust_env=False) as client:
            links = [text.split()[-1] for text in shown[::2]]
            brought = [(await client.get(link)).content for link in links]
        assert brought == [content for _, content, _ in FILES]
        *said, card = others
        for text, words in zip(
            said, ("Местоположение: 5", "Местоположение", "Удобно?", "🎲 6"), strict=True
        ):
            assert words in text
        assert "79990001122" in card


async def test_every_text_of_an_operator_is_in_the_chat_where_the_crm_has_notes_only(
    postgres_url: str, tmp_path: Path
) -> None:
    async with open_town(postgres_url, tmp_path, Plan(notes=True)) as town:
        town.telegram.say(NINA, "Есть красные?", name="Нина")
        await town.settle()
        said = ["Есть", "две\nстроки", "ссылка https://example.com/a?b=1", "д" * 5000]
        for words in said:
            town.note(f"// {words}")
        await town.settle()
        assert "".join(town.seen_by(NINA)) == "".join(said)
