"""Files through the whole hub, in virtual time: a file never holds up words, and is never lost."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from channel_clients.contract import Can
from mappers.vocabulary import Permanent, Transient
from middleware.simulation.hub import SimHub
from middleware.simulation.life import Died
from middleware.simulation.loop import run
from tests.media_scene import ALL, Shop, a_photo, open_shop

T = TypeVar("T")


def play(story: Callable[[Shop], Awaitable[T]]) -> T:
    async def main() -> T:
        return await story(await open_shop())

    return run(main(), seed=0)


def test_a_photo_is_one_entry_with_its_caption() -> None:
    async def story(shop: Shop) -> None:
        await shop.say("100:1", "Вот такой", a_photo())
        await shop.after(4)
        assert shop.timeline() == [("Вот такой", "x.html")]
        (entry,) = shop.crm.entries.values()
        assert entry.file is not None
        assert entry.file.mime == "image/jpeg"
        assert (await entry.file.read()).endswith(b"photo-1")

    play(story)


def test_every_further_file_is_an_entry_of_its_own() -> None:
    async def story(shop: Shop) -> None:
        await shop.say("100:1", "Две", a_photo("a"), a_photo("b"))
        await shop.say("100:22", "Дальше")
        await shop.after(10)
        assert [words for words, _ in shop.timeline()] == ["Две", "", "Дальше"]
        assert [bool(name) for _, name in shop.timeline()] == [True, True, False]

    play(story)


def test_a_slow_file_holds_up_nobody_and_follows_as_its_own_entry() -> None:
    async def story(shop: Shop) -> None:
        shop.channel.slow_s = 60
        await shop.say("100:1", "Вот такой", a_photo())
        await shop.say("100:22", "Ау?")
        await shop.after(12)
        assert shop.timeline() == [("[Фото]\nВот такой", ""), ("Ау?", "")]
        await shop.after(60)
        assert shop.timeline()[2:] == [("", "x.html")]

    play(story)


@pytest.mark.parametrize("slow_s", [0, 60])
def test_a_file_that_will_not_come_is_said_in_words_once(slow_s: float) -> None:
    async def story(shop: Shop) -> None:
        shop.channel.slow_s = slow_s
        shop.channel.failure = Permanent(code="file.too_large")
        await shop.say("100:1", "Видео", a_photo(title="a.mp4"))
        await shop.after(100)
        said = [words for words, _ in shop.timeline()]
        assert sum("больше 20 МБ" in words for words in said) == 1
        assert sum("Видео" in words for words in said) == 1
        assert shop.channel.fetched == 1

    play(story)


def test_a_file_told_to_be_too_large_is_not_even_fetched() -> None:
    async def story(shop: Shop) -> None:
        await shop.say("100:1", "", a_photo(size_bytes=10**9))
        await shop.after(4)
        assert "больше 20 МБ" in shop.timeline()[0][0]
        assert shop.channel.fetched == 0

    play(story)


def test_without_an_address_of_ours_the_entry_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimHub, "_file_address", lambda *_: "")

    async def story(shop: Shop) -> None:
        await shop.say("100:1", "Вот", a_photo())
        await shop.after(4)
        assert shop.timeline() == [
            ("[Фото] (у хаба нет публичного адреса, файл остался в канале)\nВот", "")
        ]

    play(story)


def test_a_fetch_that_failed_for_a_while_is_done_again() -> None:
    async def story(shop: Shop) -> None:
        shop.channel.failure = Transient(code="net.ReadError")
        await shop.say("100:1", "Вот", a_photo())
        await shop.after(20)
        shop.channel.failure = None
        await shop.after(60)
        assert shop.timeline() == [("[Фото]\nВот", ""), ("", "x.html")]

    play(story)


def test_a_file_of_an_operator_arrives_as_a_file() -> None:
    async def story(shop: Shop) -> None:
        await shop.say("100:1", "Есть красные?")
        await shop.after(10)
        shop.crm.slow_s = 30
        await shop.answer("r-1", "Вот", a_photo("r"))
        await shop.after(20)
        assert shop.channel.sent == []
        await shop.after(30)
        (sent,) = shop.channel.sent
        assert sent.text == "Вот"
        assert [file.name for file in sent.files] == ["x.html"]

    play(story)


def test_words_that_are_no_caption_do_not_wait_for_the_file() -> None:
    async def story(shop: Shop) -> None:
        await shop.say("100:1", "Есть красные?")
        await shop.after(10)
        shop.crm.slow_s = 30
        await shop.answer("r-1", "слово " * 10, a_photo("r"))
        await shop.after(10)
        assert [bool(sent.files) for sent in shop.channel.sent] == [False]
        await shop.after(40)
        assert [bool(sent.files) for sent in shop.channel.sent] == [False, True]

    play(story)


def test_a_file_that_the_channel_will_not_take_is_a_line_with_a_link() -> None:
    async def main() -> None:
        can = Can(text_limit=1000, caption_limit=20, attachments=ALL, file_limit_bytes=10)
        shop = await open_shop(channel_can=can)
        await shop.say("100:1", "Есть красные?")
        await shop.after(10)
        await shop.answer("r-1", "Вот", a_photo("r"))
        await shop.after(10)
        (sent,) = shop.channel.sent
        assert not sent.files
        assert sent.text.startswith("Вот\n[Фото] (http://hub.sim/media/")

    run(main(), seed=0)


@pytest.mark.parametrize("point", range(2, 60, 3))
def test_a_crash_anywhere_neither_loses_a_file_nor_shows_it_twice(point: int) -> None:
    async def main() -> None:
        try:
            shop = await open_shop(point=point)
        except Died:
            return
        shop.channel.slow_s = 7
        await shop.say("100:1", "Вот", a_photo())
        await shop.after(600)
        said = shop.timeline()
        assert sum(bool(name) for _, name in said) == 1, said
        assert sum("Вот" in words for words, _ in said) == 1, said

    run(main(), seed=point)
