"""Files, places and cards between customers and operators: the adapter against the emulator."""

from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from channel_clients.telegram import MANIFEST, Config, Telegram
from channel_clients.telegram.content import FILES
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    AuthExpired,
    Card,
    HttpCall,
    HttpReply,
    MediaFile,
    MessageArrived,
    Outgoing,
    Permanent,
    Place,
    ProviderError,
    Span,
    SpanKind,
    Transient,
)
from mappers.vocabulary.adapters import FetchesFiles
from tests.conformance.channels import refusal
from tests.conformance.telegram_scene import CUSTOMER, TOKEN, Scene, opened
from tests.emulators.telegram_scene import control
from tests.port import NOON, LoopbackHttp

MEGABYTE = 1_000_000


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with opened() as scene:
        yield scene


class TestFetching:
    @pytest.mark.parametrize(
        ("kind", "name", "mime"),
        [
            ("photo", "image.jpg", "image/jpeg"),
            ("voice", "voice.oga", "audio/ogg"),
            ("audio", "Кино – Звезда.mp3", "audio/mpeg"),
            ("video", "ролик.mp4", "video/mp4"),
            ("video_note", "video.mp4", "video/mp4"),
            ("animation", "кот.mp4", "video/mp4"),
            ("document", "счёт.pdf", "application/pdf"),
            ("sticker", "sticker.webp", "image/webp"),
        ],
    )
    async def test_every_kind_of_file_comes_with_its_bytes_and_a_name(
        self, scene: Scene, kind: str, name: str, mime: str
    ) -> None:
        assert isinstance(scene.channel, FetchesFiles)
        scene.emulator.show(CUSTOMER, kind, content=b"\x00\xff bytes of it", caption="вот")
        message = await scene.heard()
        file = await scene.channel.fetch(message.attachments[0], 20 * MEGABYTE)
        assert (file.body, file.name, file.mime) == (b"\x00\xff bytes of it", name, mime)
        assert message.text == "вот"

    async def test_neither_the_token_nor_a_path_is_shown(self, scene: Scene) -> None:
        scene.emulator.show(CUSTOMER, "document")
        (attachment,) = (await scene.heard()).attachments
        file = await scene.channel.fetch(attachment, MEGABYTE)
        words = f"{file!r} {attachment!r} {scene.http.calls!r}"
        words += " ".join(call.label for call in scene.http.calls)
        assert not [secret for secret in (TOKEN, "documents/", "/file/bot") if secret in words]
        assert file.name not in words

    async def test_more_than_the_limit_is_not_even_asked_for(self, scene: Scene) -> None:
        large = Attachment(kind=AttachmentKind.FILE, handle="x", size_bytes=MEGABYTE + 1)
        error = await refusal(scene.channel.fetch(large, MEGABYTE))
        assert error.failure == Permanent(code="file.too_large")
        assert not scene.http.calls

    @pytest.mark.parametrize("size_bytes", [20_000_001, MEGABYTE + 1])
    async def test_telegrams_ceiling_and_ours_are_the_same_refusal(
        self, scene: Scene, size_bytes: int
    ) -> None:
        scene.emulator.show(CUSTOMER, "document", size_bytes=size_bytes)
        (attachment,) = (await scene.heard()).attachments
        silent = replace(attachment, size_bytes=None)
        limit = size_bytes if size_bytes > 20 * MEGABYTE else MEGABYTE
        error = await refusal(scene.channel.fetch(silent, limit))
        assert error.failure == Permanent(code="file.too_large")

    async def test_a_file_larger_than_it_claims_is_refused_too(self, scene: Scene) -> None:
        scene.emulator.show(CUSTOMER, "document", content=b"x" * 101, size_bytes=10)
        (attachment,) = (await scene.heard()).attachments
        error = await refusal(scene.channel.fetch(attachment, 100))
        assert error.failure == Permanent(code="file.too_large")
        assert scene.http.calls[-1].most_bytes == 100

    async def test_a_file_that_is_away_is_asked_for_again(self, scene: Scene) -> None:
        gone = Attachment(kind=AttachmentKind.IMAGE, handle="never-given")
        error = await refusal(scene.channel.fetch(gone, MEGABYTE))
        assert isinstance(error.failure, Transient)
        assert error.failure.code == "telegram.file_unavailable"

    @pytest.mark.parametrize("fault", ["cut_after", "hang_after", "bad_gateway_before"])
    async def test_a_download_that_breaks_is_no_doubt(self, scene: Scene, fault: str) -> None:
        scene.emulator.show(CUSTOMER, "document")
        (attachment,) = (await scene.heard()).attachments
        scene.emulator.stage.arm(fault, match="/file/bot")
        error = await refusal(scene.channel.fetch(attachment, MEGABYTE))
        assert error.failure.kind == "transient"
        assert TOKEN not in f"{error.failure!r} {error.failure.detail}"
        assert (await scene.channel.fetch(attachment, MEGABYTE)).body

    async def test_half_a_file_is_no_file(self, scene: Scene) -> None:
        scene.emulator.show(CUSTOMER, "document")
        (attachment,) = (await scene.heard()).attachments
        scene.emulator.stage.arm("garbage", match="/file/bot")
        error = await refusal(scene.channel.fetch(attachment, MEGABYTE))
        assert error.failure == Transient(code="telegram.file_cut_short")
        assert (await scene.channel.fetch(attachment, MEGABYTE)).body

    async def test_a_revoked_token_is_noticed(self, scene: Scene) -> None:
        scene.emulator.stage.arm("token_revoked", match="getFile")
        photo = Attachment(kind=AttachmentKind.IMAGE, handle="x")
        error = await refusal(scene.channel.fetch(photo, MEGABYTE))
        assert isinstance(error.failure, AuthExpired)


def media(kind: AttachmentKind, mime: str, body: bytes, name: str = "имя.bin") -> MediaFile:
    async def read() -> bytes:
        return body

    url = "https://hub.example/media/x"
    return MediaFile(kind=kind, name=name, mime=mime, size_bytes=len(body), url=url, read=read)


PHOTO = media(AttachmentKind.IMAGE, "image/jpeg", b"\xff\xd8\r\n--\x00 photo", "фото.jpg")
VIDEO = media(AttachmentKind.VIDEO, "video/mp4", b"ftyp film", "фильм.mp4")
VOICE = media(AttachmentKind.VOICE, "audio/ogg", b"OggS speech", "голос.oga")
TUNE = media(AttachmentKind.AUDIO, "audio/mpeg", b"ID3 tune", "песня.mp3")
PAPER = media(AttachmentKind.FILE, "application/pdf", b"%PDF paper", 'счёт "1".pdf')
REPLY = Outgoing(key="reply-1", conversation=str(CUSTOMER), text="Вот, держите 👟")


class TestShowing:
    @pytest.fixture(autouse=True)
    def begun(self, scene: Scene) -> None:
        scene.emulator.start(CUSTOMER)

    def shown(self, scene: Scene) -> list[tuple[str, str, bytes]]:
        """What the bot showed: kind, words, bytes."""
        (chat,) = scene.emulator.chats()
        lines = [line for line in chat["messages"] if line["from"] == "bot"]
        return [
            (thing["kind"], line["text"], scene.emulator.world.file(thing["file_id"]).content)
            for line in lines
            for thing in line["shown"]
        ]

    @pytest.mark.parametrize(
        ("file", "kind"),
        [
            (PHOTO, "photo"),
            (VIDEO, "video"),
            (VOICE, "voice"),
            (TUNE, "audio"),
            (PAPER, "document"),
        ],
    )
    async def test_a_file_arrives_byte_for_byte_under_its_caption(
        self, scene: Scene, file: MediaFile, kind: str
    ) -> None:
        bold = Span(kind=SpanKind.BOLD, start=0, end=3)
        outgoing = replace(REPLY, files=(file,), spans=(bold,), quoted=f"{CUSTOMER}:1")
        receipt = await scene.channel.send(outgoing)
        assert receipt.provider_ids == (f"{CUSTOMER}:2",)
        assert self.shown(scene) == [(kind, REPLY.text, await file.read())]
        wire = scene.emulator.bot().chats[CUSTOMER].entries[2].wire
        assert wire["caption_entities"] == [{"type": "bold", "offset": 0, "length": 3}]
        assert wire["reply_to_message"]["message_id"] == 1

    async def test_a_name_survives_the_form(self, scene: Scene) -> None:
        await scene.channel.send(replace(REPLY, files=(PAPER,)))
        (chat,) = scene.emulator.chats()
        assert chat["messages"][1]["shown"][0]["file_name"] == "счёт '1'.pdf"

    async def test_an_album_is_one_call_and_each_of_its_messages_has_an_id(
        self, scene: Scene
    ) -> None:
        receipt = await scene.channel.send(replace(REPLY, files=(PHOTO, VIDEO)))
        assert receipt.provider_ids == (f"{CUSTOMER}:2", f"{CUSTOMER}:3")
        photo, video = await PHOTO.read(), await VIDEO.read()
        assert self.shown(scene) == [("photo", REPLY.text, photo), ("video", "", video)]
        assert len(scene.http.calls) == 1
        mixed = replace(REPLY, files=(PHOTO, PAPER, VOICE))
        await scene.channel.send(mixed)
        assert [kind for kind, _, _ in self.shown(scene)[2:]] == ["document"] * 3

    async def test_what_is_refused_as_a_photo_goes_as_a_document(self, scene: Scene) -> None:
        scene.emulator.stage.arm("media_refused", match="sendPhoto")
        await scene.channel.send(replace(REPLY, files=(PHOTO,)))
        assert self.shown(scene) == [("document", REPLY.text, await PHOTO.read())]

    async def test_a_document_that_is_refused_is_refused(self, scene: Scene) -> None:
        scene.emulator.stage.arm("media_refused", match="sendDocument")
        error = await refusal(scene.channel.send(replace(REPLY, files=(PAPER,))))
        assert error.failure.code == "telegram.media_refused"
        assert len(scene.http.calls) == 1

    async def test_the_limits_that_we_declare_are_telegrams(self, scene: Scene) -> None:
        can = MANIFEST.can
        words = "😀" * (can.caption_limit // 2)
        assert (await scene.channel.send(replace(REPLY, text=words, files=(PHOTO,)))).provider_ids
        error = await refusal(scene.channel.send(replace(REPLY, text=f"{words}!", files=(PHOTO,))))
        assert error.failure.code == "telegram.too_long"
        files = (PHOTO,) * can.album
        assert len((await scene.channel.send(replace(REPLY, files=files))).provider_ids) == 10
        large = media(AttachmentKind.FILE, "a/b", b"x" * can.file_limit_bytes)
        assert (await scene.channel.send(replace(REPLY, files=(large,)))).provider_ids
        vast = media(AttachmentKind.FILE, "a/b", b"x" * 53_000_001)
        error = await refusal(scene.channel.send(replace(REPLY, files=(vast,))))
        assert error.failure.code == "telegram.file_too_big"

    async def test_a_picture_over_ten_megabytes_is_a_document(self, scene: Scene) -> None:
        large = media(AttachmentKind.IMAGE, "image/png", b"x" * 10_000_001)
        await scene.channel.send(replace(REPLY, files=(large,)))
        assert [kind for kind, _, _ in self.shown(scene)] == ["document"]

    async def test_a_lost_answer_to_an_upload_is_doubt(self, scene: Scene) -> None:
        scene.emulator.stage.arm("cut_after", match="sendPhoto")
        error = await refusal(scene.channel.send(replace(REPLY, files=(PHOTO,))))
        assert error.failure.kind == "ambiguous"
        assert len(self.shown(scene)) == 1
        assert "держите" not in repr(scene.http.calls)

    async def test_places_and_cards_arrive_as_such(self, scene: Scene) -> None:
        place = Place(latitude=55.75, longitude=37.61)
        things = [
            Attachment(kind=AttachmentKind.LOCATION, place=place),
            Attachment(kind=AttachmentKind.LOCATION, place=place, title="Кафе, Арбат"),
            Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Антон", phone="+7999")),
        ]
        for thing in things:
            await scene.channel.send(replace(REPLY, text="", attachments=(thing,)))
        (chat,) = scene.emulator.chats()
        kinds = [line["shown"][0]["kind"] for line in chat["messages"][1:]]
        assert kinds == ["location", "venue", "contact"]

    async def test_a_caption_is_edited_where_there_is_no_text(self, scene: Scene) -> None:
        sent = await scene.channel.send(replace(REPLY, files=(PHOTO, VIDEO)))
        for _ in range(2):
            await scene.channel.edit(sent.provider_ids[0], replace(REPLY, text="Исправлено"))
        assert [words for _, words, _ in self.shown(scene)] == ["Исправлено", ""]
        for name in sent.provider_ids:
            await scene.channel.delete(name)
        (chat,) = scene.emulator.chats()
        assert [line["deleted"] for line in chat["messages"]] == [False, True, True]


class Answers:
    """A port that answers what it was told, in turn."""

    def __init__(self, *replies: HttpReply | ProviderError) -> None:
        self.replies = list(replies)
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall) -> HttpReply:
        self.calls.append(call)
        reply = self.replies.pop(0)
        if isinstance(reply, ProviderError):
            raise reply
        return reply

    now = LoopbackHttp.now
    at = NOON


FOUND = b'{"ok": true, "result": {"file_id": "x", "file_path": "photos/file 1.jpg"}}'
OVERFLOWN = ProviderError(Permanent(code="net.ResponseTooLarge"))


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ((HttpReply(status=200, body=FOUND), HttpReply(status=404)), "telegram.file_unavailable"),
        ((HttpReply(status=200, body=FOUND), OVERFLOWN), "file.too_large"),
        ((HttpReply(status=200, body=FOUND), HttpReply(status=403)), "http.403"),
        (
            (HttpReply(status=200, body=FOUND.replace(b"photos/", b"/var/lib/")),),
            "telegram.file_kept_local",
        ),
        (
            (HttpReply(status=200, body=b'{"ok": true, "result": {"file_id": "x"}}'),),
            "telegram.file_unavailable",
        ),
    ],
)
async def test_what_may_go_wrong_with_a_download(
    replies: tuple[HttpReply | ProviderError, ...], code: str
) -> None:
    http = Answers(*replies)
    channel = Telegram(Config(token=SecretStr(TOKEN)), http)
    photo = Attachment(kind=AttachmentKind.IMAGE, handle="x")
    error = await refusal(channel.fetch(photo, MEGABYTE))
    assert (error.failure.code, error.failure.detail) == (code, "")
    assert all(call.repeatable and " " not in call.url for call in http.calls)


class TestWhatCustomersShow:
    async def test_each_file_kind_is_known_to_the_emulator(self, scene: Scene) -> None:
        for name, kind, _ in FILES:
            scene.emulator.show(CUSTOMER, name)
            assert (await scene.heard()).attachments[0].kind is kind

    async def test_an_album_keeps_its_order_and_its_words(self, scene: Scene) -> None:
        bold = {"type": "bold", "offset": 0, "length": 3}
        scene.emulator.show(CUSTOMER, "photo", album="139", caption="Вот", entities=[bold])
        scene.emulator.show(CUSTOMER, "photo", album="139")
        events = await scene.events()
        said = [event.message for event in events if isinstance(event, MessageArrived)]
        assert [(m.text, len(m.attachments)) for m in said] == [("Вот", 1), ("", 1)]
        assert said[0].spans[0].end == 3

    async def test_a_live_location_is_one_place_however_it_moves(self, scene: Scene) -> None:
        said = scene.emulator.show(CUSTOMER, "live_location")
        scene.emulator.move(CUSTOMER, said.message_id, (55.0, 37.0))
        (event,) = await scene.events()
        assert isinstance(event, MessageArrived)
        assert event.message.attachments[0].place is not None

    @pytest.mark.parametrize("kind", ["venue", "poll", "dice", "location"])
    async def test_what_has_no_bytes_is_still_something(self, scene: Scene, kind: str) -> None:
        scene.emulator.show(CUSTOMER, kind, forwarded_from="Инкогнито")
        message = await scene.heard()
        assert message.text or message.attachments[0].title
        assert message.forwarded_from == "Инкогнито"

    async def test_the_stage_takes_bytes_and_gives_them_back(self, scene: Scene) -> None:
        body = {"user_id": CUSTOMER, "kind": "photo", "content": b64encode(b"\xff\xd8!").decode()}
        shown = await control(scene.emulator, "POST", "show", body)
        assert shown["status"] == 200
        (attachment,) = (await scene.heard()).attachments
        assert (await scene.channel.fetch(attachment, MEGABYTE)).body == b"\xff\xd8!"
        (chat,) = scene.emulator.chats()
        (seen,) = chat["messages"][0]["shown"]
        assert seen == {"kind": "photo", "file_id": attachment.handle}
        path = f"{scene.channel.config.api_base}/_stage/file?id={attachment.handle}"
        assert (await scene.http.client.get(path)).content == b"\xff\xd8!"
