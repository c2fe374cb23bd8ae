"""Files between a channel and amoCRM, over real HTTP; the channel's own part is a double."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from channel_clients.registry import CHANNELS
from channel_clients.telegram import MANIFEST
from channel_clients.telegram.adapter import Telegram
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    FetchedFile,
    Outgoing,
    Permanent,
    ProviderError,
    Receipt,
)
from tests.journeys.town import ACCOUNT, Town, open_town

NINA = 1001
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 3000
KINDS = frozenset({AttachmentKind.IMAGE, AttachmentKind.FILE, AttachmentKind.VOICE})


@dataclass
class Carrier:
    """The channel's hands: what it brings, and what it was given."""

    failure: Permanent | None = None
    given: list[tuple[str, list[bytes]]] = field(default_factory=list)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        del attachment, limit_bytes
        if self.failure is not None:
            raise ProviderError(self.failure)
        return FetchedFile(body=JPEG, name="photos/file_1.jpg")

    async def send(self, outgoing: Outgoing) -> Receipt:
        bodies = [await file.read() for file in outgoing.files]
        self.given.append((outgoing.text, bodies))
        return Receipt(provider_ids=(f"{NINA}:{9000 + len(self.given)}",))


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    can = replace(MANIFEST.can, attachments=KINDS, caption_limit=1024)
    monkeypatch.setitem(CHANNELS, "telegram", replace(MANIFEST, can=can))

    async def fetch(_: Telegram, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await carrier.fetch(attachment, limit_bytes)

    async def send(_: Telegram, outgoing: Outgoing) -> Receipt:
        return await carrier.send(outgoing)

    monkeypatch.setattr(Telegram, "fetch", fetch, raising=False)
    monkeypatch.setattr(Telegram, "send", send)
    return carrier


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path, carrier: Carrier) -> AsyncIterator[Town]:
    del carrier
    async with open_town(postgres_url, tmp_path) as opened:
        opened.amocrm.switches.set("fetches_media", value=True)
        yield opened


async def test_a_photo_that_cannot_be_had_is_said_in_words(town: Town, carrier: Carrier) -> None:
    carrier.failure = Permanent(code="file.too_large")
    town.telegram.show(NINA, "photo", caption="Вот такой")
    await town.settle()

    (words,) = town.entries()
    assert words.startswith("[Фото] (файл больше 50 МБ")
    assert words.endswith("\nВот такой")


async def test_an_operators_file_that_is_gone_is_said_in_words(
    town: Town, carrier: Carrier
) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    chat = town.timeline()[0].chat_id
    sent = town.amocrm.upload(town.world.amocrm_base, "a.jpg", JPEG)
    town.amocrm.world.files.clear()
    town.amocrm.reply_with_files(ACCOUNT, chat, [sent], text="Вот")
    await town.settle()

    ((words, files),) = carrier.given
    assert files == []
    assert words.startswith("Вот\n[Фото: a.jpg] (файл не удалось получить")
