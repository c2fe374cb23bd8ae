"""27. Hostile files: the words go on, memory stays bounded, and the operator reads why."""

import resource
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from channel_clients.telegram import files
from tests.faults import bombs
from tests.faults.bombs import Bomb, Bomber, bombing
from tests.faults.scene import NINA, change
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

LIMIT = 1_000_000
# What a sender and the system's own buffers hold before somebody stops reading.
BUFFERS = 8_000_000
PAGE = b"<html><script>alert(1)</script></html>"
UNFETCHED = "[Фото] (файл не удалось получить, посмотрите его в канале)"
TOO_LARGE = "[Фото] (файл больше 1 МБ, посмотрите его в канале)"
EMPTY = "[Фото] (файл пустой)"


@dataclass(frozen=True, slots=True)
class Shop:
    town: Town
    bomber: Bomber

    async def drop(self, bomb: Bomb | None, **look: Any) -> list[Any]:
        """Let a customer say something, show a bomb, and go on; return what operators see."""
        self.bomber.bomb = bomb
        telegram = self.town.telegram
        telegram.say(NINA, "до", name="Нина")
        telegram.show(NINA, look.pop("kind", "photo"), caption="вот", **look)
        telegram.say(NINA, "после")
        await self.town.settle()
        return list(self.town.timeline()[0].messages)


@pytest.fixture
async def shop(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    """A shop whose files come through a bomber, and whose patience with files is short."""
    monkeypatch.setattr(files, "FILE_TAKES", timedelta(seconds=1))
    async with open_shop(postgres_url, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def open_shop(postgres_url: str, folder: Path) -> AsyncIterator[Shop]:
    settings = settings_for(postgres_url, folder, free_port(), file_limit_bytes=LIMIT)
    async with open_world() as world, bombing(world.telegram_base) as bomber:
        world.amocrm.switches.set("fetches_media", value=True)
        async with running(settings) as hub:
            town = await move_in(replace(world, telegram_base=bomber.base), hub, Plan())
            await impatient_with_files(town)
            yield Shop(town, bomber)


async def impatient_with_files(town: Town) -> None:
    """Wait a second for a file, and give it up after three."""
    await change(
        town,
        """
        UPDATE connections SET config_version = config_version + 1, settings = settings
            || '{"file_wait_s": 1, "reply_age_limit_s": 3}'::jsonb
        """,
    )


def words(entries: list[Any]) -> list[str]:
    return [entry.text for entry in entries]


@pytest.mark.parametrize(
    "bomb", [bombs.endless, bombs.announced, bombs.chunked, bombs.zipped], ids=lambda b: b.__name__
)
async def test_fault_27_what_is_too_large_is_not_read_to_its_end(shop: Shop, bomb: Bomb) -> None:
    entries = await shop.drop(bomb)
    assert words(entries) == ["до", f"{TOO_LARGE}\nвот", "после"]
    assert shop.bomber.tried == 1
    assert shop.bomber.sent < LIMIT + BUFFERS


@pytest.mark.parametrize(
    "bomb",
    [bombs.lying, bombs.trickling, bombs.breaking, bombs.nonsense],
    ids=lambda b: b.__name__,
)
async def test_fault_27_what_never_comes_whole_is_said_in_the_end_and_delays_no_words(
    shop: Shop, bomb: Bomb
) -> None:
    said = words(await shop.drop(bomb, content=bytes(1000)))
    # Where everything is slow, the reason may be known before the words could go.
    assert said in (
        ["до", "[Фото]\nвот", "после", UNFETCHED],
        ["до", f"{UNFETCHED}\nвот", "после"],
    )
    assert shop.bomber.tried > 1
    assert shop.bomber.sent < shop.bomber.tried * BUFFERS


async def test_fault_27_a_file_that_is_given_up_is_not_asked_for_any_more(shop: Shop) -> None:
    await shop.drop(bombs.breaking)
    fetches = "SELECT count(*) FROM deliveries WHERE kind = 'fetch_file'"
    assert await shop.town.count(fetches) == 1
    assert await shop.town.count(f"{fetches} AND state <> 'done'") == 0


async def test_fault_27_nobody_is_led_to_an_address_inside(shop: Shop) -> None:
    entries = await shop.drop(bombs.moved_to(f"{shop.bomber.base}/internal"))
    assert words(entries)[::2] == ["до", "после"]
    assert words(entries)[1] == f"{UNFETCHED}\nвот"
    assert shop.bomber.elsewhere == []


async def test_fault_27_a_page_that_is_called_a_picture_is_only_ever_downloaded(
    shop: Shop,
) -> None:
    entries = await shop.drop(bombs.of(PAGE), content=PAGE)
    (shown,) = [entry for entry in entries if entry.content.get("media")]
    assert (shown.text, shown.content["type"]) == ("вот", "file")
    async with httpx.AsyncClient() as crm:
        served = await crm.get(shown.content["media"])
    assert served.content == PAGE
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment")
    assert served.headers["x-content-type-options"] == "nosniff"


async def test_fault_27_a_picture_of_absurd_size_is_passed_on_unopened(shop: Shop) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = a_png(2**31 - 1, 2**31 - 1)
    entries = await shop.drop(bombs.of(picture), content=picture)
    assert [entry.content["type"] for entry in entries] == ["text", "picture", "text"]
    assert shop.town.amocrm.world.fetched[entries[1].content["media"]] == picture
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 100_000


def a_png(width: int, height: int) -> bytes:
    """A picture of nothing that claims to be so large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    chunks = chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


async def test_fault_27_an_empty_file_is_said_to_be_one(shop: Shop) -> None:
    entries = await shop.drop(bombs.of(b""), content=b"")
    assert words(entries) == ["до", f"{EMPTY}\nвот", "после"]


async def test_fault_27_an_operators_empty_file_is_said_to_be_one(shop: Shop) -> None:
    town = shop.town
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    sent = town.amocrm.upload(town.world.amocrm_base, "красные.jpg", b"")
    town.amocrm.reply_with_files(ACCOUNT, town.timeline()[0].chat_id, [sent], text="Вот")
    await town.settle()
    assert town.seen_by(NINA) == ["Вот\n[Фото: красные.jpg] (файл пустой)"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../../etc/passwd", "passwd.pdf"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\x00b\r\nX: y.pdf", "b_X_ y.pdf"),
        ("счёт\u202efdp.exe", "счёт_fdp.exe"),
        ("a\u2028b\u061cc\x85d.pdf", "a_b_c_d.pdf"),
        ("я" * 5000 + ".pdf", "я" * 116 + ".pdf"),
    ],
)
async def test_fault_27_a_name_leads_nowhere_and_says_what_it_is(
    shop: Shop, name: str, safe: str
) -> None:
    pdf = b"%PDF-1.4 x"
    entries = await shop.drop(bombs.of(pdf), kind="document", content=pdf, file_name=name)
    shown = entries[1].content
    assert shown["file_name"].endswith(safe)
    assert not set(shown["file_name"]) & set("/\\\r\n\0\u202e\u2028\u061c\x85")
    async with httpx.AsyncClient() as crm:
        served = await crm.get(shown["media"])
    assert served.content == pdf
    assert served.headers["content-disposition"].isascii()
