"""How an operator's reply becomes one call of the Bot API; and the form that carries files."""

import json
from email import message_from_bytes
from email.message import Message as Form
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from channel_clients.telegram import Config, Telegram
from channel_clients.telegram.saying import PHOTO_LIMIT_BYTES, ways_of, words_for
from channel_clients.telegram.spans import spans_in
from channel_clients.telegram.wire import Entity
from mappers.multipart import FilePart, multipart
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Button,
    Card,
    HttpCall,
    HttpReply,
    MediaFile,
    Outgoing,
    Place,
    Span,
    SpanKind,
)
from tests.port import NOON

KINDS = {kind.value: kind for kind in AttachmentKind}
HERE = Place(latitude=55.75, longitude=37.61)
MAP = "https://maps.google.com/?q=55.75,37.61"


def file(kind: str, mime: str, size_bytes: int = 5, duration_s: int | None = None) -> MediaFile:
    async def read() -> bytes:
        return f"{kind} {mime}".encode()

    return MediaFile(
        kind=KINDS[kind],
        name=f"имя.{mime.rpartition('/')[2]}",
        mime=mime,
        size_bytes=size_bytes,
        url="https://hub.example/media/x",
        read=read,
        duration_s=duration_s,
    )


PHOTO, FILM = file("image", "image/jpeg"), file("video", "video/mp4", duration_s=7)
TUNE, VOICE = file("audio", "audio/mpeg"), file("voice", "audio/ogg", duration_s=4)
PAPER = file("file", "application/pdf")


class Port:
    """Accepts everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall) -> HttpReply:
        self.calls.append(call)
        group = call.label.endswith("Group")
        result: Any = [{"message_id": 8}, {"message_id": 9}] if group else {"message_id": 8}
        return HttpReply(status=200, body=json.dumps({"ok": True, "result": result}).encode())

    def now(self) -> Any:
        return NOON


async def sent(conversation: str = "501", text: str = "", **what: Any) -> tuple[HttpCall, Any]:
    port = Port()
    channel = Telegram(Config(token=SecretStr("7:abc")), port)
    outgoing = Outgoing(key="k", conversation=conversation, text=text, **what)
    receipt = await channel.send(outgoing)
    (call,) = port.calls
    assert receipt.provider_ids[0] == f"{conversation}:8"
    return call, call.json if call.json is not None else fields_of(call)


def form_of(kind: str, content: bytes) -> Form:
    return message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)


def fields_of(call: HttpCall) -> dict[str, Any]:
    assert call.content is not None
    found: dict[str, Any] = {}
    for part in form_of(call.headers["content-type"], call.content).walk():
        if not part.is_multipart():
            name = part.get_param("name", header="content-disposition")
            found[str(name)] = bytes(part.get_payload(decode=True)).decode()
    return found


# Buttons


async def test_buttons_become_a_keyboard() -> None:
    long = "Очень длинный ответ, который не поместится в данные кнопки целиком"
    rows = (
        (Button(label="Да"), Button(label="Сайт", url="https://x.example")),
        (Button(label=long), Button(label=long)),
    )
    _, form = await sent(text="Берёте?", buttons=rows)
    first, second = form["reply_markup"]["inline_keyboard"]
    assert first == [
        {"text": "Да", "callback_data": "Да"},
        {"text": "Сайт", "url": "https://x.example"},
    ]
    assert [button["text"] for button in second] == [long, long]
    data = [button["callback_data"] for button in second]
    assert len(set(data)) == 2
    assert all(len(each.encode()) <= 64 for each in data)


async def test_a_wide_row_is_broken() -> None:
    row = tuple(Button(label=str(number)) for number in range(10))
    _, form = await sent(text="Сколько?", buttons=(row,))
    assert [len(each) for each in form["reply_markup"]["inline_keyboard"]] == [8, 2]


# Which way


@pytest.mark.parametrize(
    ("kind", "mime", "size_bytes", "way"),
    [
        ("image", "image/jpeg", PHOTO_LIMIT_BYTES, "photo"),
        ("image", "image/jpeg", PHOTO_LIMIT_BYTES + 1, "document"),
        ("image", "image/gif", 5, "document"),
        ("image", "image/svg+xml", 5, "document"),
        ("sticker", "image/webp", 5, "photo"),
        ("sticker", "application/x-tgsticker", 5, "document"),
        ("video", "video/mp4", 5, "video"),
        ("video", "video/webm", 5, "document"),
        ("voice", "audio/ogg", 5, "voice"),
        ("voice", "audio/mpeg", 5, "voice"),
        ("voice", "audio/wav", 5, "document"),
        ("audio", "audio/mpeg", 5, "audio"),
        ("audio", "audio/ogg", 5, "document"),
        ("file", "image/jpeg", 5, "document"),
        ("other", "x/y", 5, "document"),
    ],
)
def test_a_file_is_shown_as_what_telegram_takes_it_for(
    kind: str, mime: str, size_bytes: int, way: str
) -> None:
    assert [one.name for one in ways_of([file(kind, mime, size_bytes)])] == [way]


@pytest.mark.parametrize(
    ("files", "ways"),
    [
        ([PHOTO, FILM, PHOTO], ["photo", "video", "photo"]),
        ([TUNE, TUNE], ["audio", "audio"]),
        ([PAPER, PAPER], ["document", "document"]),
        ([PHOTO, PAPER], ["document", "document"]),
        ([PHOTO, TUNE], ["document", "document"]),
        ([VOICE, VOICE], ["document", "document"]),
    ],
)
def test_an_album_mixes_only_what_telegram_mixes(files: list[MediaFile], ways: list[str]) -> None:
    assert [one.name for one in ways_of(files)] == ways


async def test_one_file_goes_by_its_own_method_with_its_caption() -> None:
    bold = Span(kind=SpanKind.BOLD, start=1, end=3)
    call, form = await sent(text="👟ок", spans=(bold,), files=(VOICE,), quoted="501:3")
    assert call.label == "telegram.sendVoice"
    assert not call.repeatable
    assert form["voice"] == "attach://file0"
    assert (form["caption"], form["duration"], form["file0"]) == ("👟ок", "4", "voice audio/ogg")
    assert json.loads(form["caption_entities"]) == [{"type": "bold", "offset": 2, "length": 2}]
    assert json.loads(form["reply_parameters"])["message_id"] == 3


async def test_an_album_says_its_words_under_the_first_file() -> None:
    call, form = await sent(text="вот", files=(PHOTO, FILM))
    assert call.label == "telegram.sendMediaGroup"
    assert json.loads(form["media"]) == [
        {"type": "photo", "media": "attach://file0", "caption": "вот"},
        {"type": "video", "media": "attach://file1", "duration": 7},
    ]
    assert (form["file0"], form["file1"]) == ("image image/jpeg", "video video/mp4")


# Places and cards


@pytest.mark.parametrize(
    ("attachment", "method", "form"),
    [
        (
            Attachment(kind=AttachmentKind.LOCATION, place=HERE, title="55.75, 37.61"),
            "sendLocation",
            {"latitude": 55.75, "longitude": 37.61},
        ),
        (
            Attachment(kind=AttachmentKind.LOCATION, place=HERE, title="Кафе, Арбат, 1"),
            "sendVenue",
            {"latitude": 55.75, "longitude": 37.61, "title": "Кафе", "address": "Арбат, 1"},
        ),
        (
            Attachment(kind=AttachmentKind.LOCATION, place=HERE, title="Кафе"),
            "sendVenue",
            {"latitude": 55.75, "longitude": 37.61, "title": "Кафе", "address": "55.75, 37.61"},
        ),
        (
            Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Антон", phone="+7999")),
            "sendContact",
            {"phone_number": "+7999", "first_name": "Антон"},
        ),
        (
            Attachment(kind=AttachmentKind.CONTACT, card=Card(phone="+7999")),
            "sendContact",
            {"phone_number": "+7999", "first_name": "+7999"},
        ),
        (
            Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Антон")),
            "sendMessage",
            {"text": "Антон"},
        ),
    ],
)
async def test_a_place_or_a_card_alone(attachment: Attachment, method: str, form: Any) -> None:
    call, asked = await sent(attachments=(attachment,))
    assert call.label == f"telegram.{method}"
    assert asked == {"chat_id": "501", **form}


async def test_beside_words_a_place_and_a_card_are_written_out() -> None:
    place = Attachment(kind=AttachmentKind.LOCATION, place=HERE, title="Кафе")
    card = Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Антон", phone="+7999"))
    call, form = await sent(text="Мы тут", attachments=(place, card))
    assert call.label == "telegram.sendMessage"
    assert form["text"] == f"Мы тут\nКафе {MAP}\nАнтон +7999"
    _, form = await sent(attachments=(place,), files=(PAPER,))
    assert form["caption"] == f"Кафе {MAP}"


async def test_a_reply_goes_back_through_the_business_account_that_it_came_by() -> None:
    _, form = await sent("Vq1-abc_:501", "Есть", quoted="Vq1-abc_:501:3")
    assert (form["chat_id"], form["business_connection_id"]) == ("501", "Vq1-abc_")
    assert form["reply_parameters"]["message_id"] == 3
    _, form = await sent("Vq1-abc_:501", files=(PAPER,), quoted="501:3")
    assert (form["chat_id"], form["business_connection_id"]) == ("501", "Vq1-abc_")
    assert "reply_parameters" not in form


async def test_a_pressed_button_cannot_be_quoted() -> None:
    _, form = await sent(text="Есть", quoted="501:press-1514")
    assert form == {"chat_id": "501", "text": "Есть"}


@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1),
    ends=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    name=st.sampled_from(["text", "caption"]),
)
def test_words_keep_their_text_and_their_look(text: str, ends: tuple[int, int], name: str) -> None:
    start, end = sorted(min(at, len(text)) for at in ends)
    span = Span(kind=SpanKind.ITALIC, start=start, end=end)
    place = Attachment(kind=AttachmentKind.LOCATION, place=HERE)
    said = Outgoing(key="k", conversation="1", text=text, spans=(span,), attachments=(place,))
    words = words_for(said, name)
    assert words[name] == f"{text}\n{MAP}"
    marks = words.get("entities" if name == "text" else "caption_entities", [])
    wire = [Entity.model_validate(mark) for mark in marks]
    assert spans_in(words[name], wire) == ((span,) if start < end else ())


# The form

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    fields=st.dictionaries(st.sampled_from(["chat_id", "caption", "media"]), names),
    bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=3),
    name=names,
)
def test_a_form_reads_back_as_it_was_written(
    fields: dict[str, str], bodies: list[bytes], name: str
) -> None:
    files = [
        FilePart(key=f"file{number}", name=name, mime="image/png", body=body)
        for number, body in enumerate(bodies)
    ]
    kind, content = multipart(fields, files)
    assert multipart(fields, files) == (kind, content)
    boundary = kind.partition("boundary=")[2].encode()
    *parts, end = content.split(b"--" + boundary)[1:]
    assert end == b"--\r\n"
    read = [part.removeprefix(b"\r\n").removesuffix(b"\r\n") for part in parts]
    values = [part.partition(b"\r\n\r\n")[2] for part in read]
    assert values == [*(value.encode() for value in fields.values()), *bodies]
    head = read[-1].partition(b"\r\n\r\n")[0].decode()
    assert head.count("\r\n") == 1
    assert head.endswith("Content-Type: image/png")
    kept = name.replace('"', "'").replace("\\", "_")
    assert f'filename="{kept}"' in head


@pytest.mark.parametrize("mime", ["", "image", "image/png\r\nX-Evil: 1", "картинка/png"])
def test_a_name_or_a_type_cannot_add_a_header(mime: str) -> None:
    part = FilePart(key="file0", name='a"\r\nX-Evil: 1', mime=mime, body=b"x")
    kind, content = multipart({}, [part])
    (read,) = (p for p in form_of(kind, content).walk() if not p.is_multipart())
    assert set(read.keys()) == {"Content-Disposition", "Content-Type"}
    assert read.get_content_type() == "application/octet-stream"
    assert b'filename="a\'  X-Evil: 1"' in content
    assert "Evil" not in repr(part).partition("mime=")[0]
