"""Files in amoCRM's chats: what an entry shows, and which addresses are believed."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from crm_clients.amocrm import MANIFEST
from crm_clients.amocrm.chats import edited_message, new_message
from crm_clients.amocrm.media import content_of, fetch, is_amocrms
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Card,
    MediaFile,
    Permanent,
    Place,
    ProviderError,
    Transient,
)
from tests.port import NOON, LoopbackHttp
from tests.unit.test_amocrm_cassettes import APPLICATION, ENTRY

LINK = "https://amojo.amocrm.ru/attachments/1/a.jpg"
PHOTO = Attachment(kind=AttachmentKind.IMAGE, handle=LINK, title="a.jpg")


async def nothing() -> bytes:
    return b""


def a_file(kind: AttachmentKind, **values: Any) -> MediaFile:
    given = {"name": "a.jpg", "mime": "image/jpeg", "size_bytes": 7, "url": "https://hub/m"}
    return MediaFile(kind=kind, read=nothing, **{**given, **values})


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (AttachmentKind.IMAGE, "picture"),
        (AttachmentKind.FILE, "file"),
        (AttachmentKind.VIDEO, "video"),
        (AttachmentKind.VOICE, "voice"),
        (AttachmentKind.AUDIO, "audio"),
        (AttachmentKind.STICKER, "sticker"),
        (AttachmentKind.OTHER, "file"),
    ],
)
def test_a_file_is_shown_as_what_it_is(kind: AttachmentKind, word: str) -> None:
    entry = replace(ENTRY, text="Вот", file=a_file(kind))
    shown = {"media": "https://hub/m", "file_name": "a.jpg", "file_size": 7}
    assert content_of(entry) == {"type": word, "text": "Вот", **shown}


def test_a_voice_tells_how_long_it_is() -> None:
    assert (
        content_of(replace(ENTRY, file=a_file(AttachmentKind.VOICE, duration_s=4)))[
            "media_duration"
        ]
        == 4
    )


def test_bytes_that_are_no_picture_are_a_file() -> None:
    disguised = a_file(AttachmentKind.IMAGE, mime="application/octet-stream")
    assert content_of(replace(ENTRY, file=disguised))["type"] == "file"


@pytest.mark.parametrize(
    ("shown", "content"),
    [
        (
            Attachment(kind=AttachmentKind.LOCATION, place=Place(latitude=55.7, longitude=37.6)),
            {"type": "location", "location": {"lon": 37.6, "lat": 55.7}},
        ),
        (
            Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Мария", phone="+7")),
            {"type": "contact", "contact": {"name": "Мария", "phone": "+7"}},
        ),
        (PHOTO, {"type": "text"}),
    ],
)
def test_a_place_and_a_card_need_no_file(shown: Attachment, content: dict[str, Any]) -> None:
    said = replace(ENTRY.message, attachments=(shown,))
    entry = replace(ENTRY, message=said, text="[…]")
    assert content_of(entry) == {"text": "[…]", **content}


def test_a_correction_keeps_the_picture() -> None:
    entry = replace(ENTRY, file=a_file(AttachmentKind.IMAGE))
    written = new_message(entry, APPLICATION)["payload"]["message"]
    assert edited_message(entry, NOON)["payload"]["message"] == written


@pytest.mark.parametrize(
    ("url", "believed"),
    [
        (LINK, True),
        ("https://drive-b.amocrm.ru/download/1", True),
        ("https://amojo.kommo.com/a", True),
        ("http://amojo.amocrm.ru/a", False),
        ("https://amojo.amocrm.ru.evil.example/a", False),
        ("https://amojo.amocrm.ru@evil.example/a", False),
        ("https://amojo.amocrm.ru:8443/a", False),
        ("https://169.254.169.254/latest", False),
        ("file:///etc/hosts", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_amocrms_own_addresses_are_called(url: str, *, believed: bool) -> None:
    assert is_amocrms(url, APPLICATION) is believed


async def fetched(status: int = 200, shown: Attachment = PHOTO) -> Any:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, content=b"bytes", headers={"content-type": "image/jpeg; q"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        got = await fetch(shown, APPLICATION, LoopbackHttp(client), 100)
    return got, asked


async def test_an_operators_file_is_brought_without_showing_a_token() -> None:
    got, (asked,) = await fetched()
    assert (got.body, got.name, got.mime) == (b"bytes", "a.jpg", "image/jpeg")
    assert "authorization" not in asked.headers
    assert "x-signature" not in asked.headers


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, Permanent(code="amocrm.no_such_file")),
        (404, Permanent(code="http.404", detail="bytes")),
        (302, Permanent(code="http.302", detail="bytes")),
        (503, Transient(code="http.503", detail="bytes")),
    ],
)
async def test_a_file_that_is_not_handed_out_costs_no_token(status: int, failure: Any) -> None:
    with pytest.raises(ProviderError) as refused:
        await fetched(status)
    assert refused.value.failure == failure


async def test_a_foreign_address_is_not_called() -> None:
    with pytest.raises(ProviderError, match=r"amocrm\.foreign_file"):
        await fetched(shown=replace(PHOTO, handle="https://evil.example/a.jpg"))


def test_the_manifest_says_what_is_shown() -> None:
    assert MANIFEST.can.attachments == frozenset(AttachmentKind) - {AttachmentKind.OTHER}
