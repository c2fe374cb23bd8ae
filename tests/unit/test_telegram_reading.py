"""What Telegram's updates mean, kind by kind. The samples have the shapes of public fixtures."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from channel_clients.telegram import Config, Telegram
from channel_clients.telegram.spans import entities_for, spans_in
from channel_clients.telegram.wire import Entity
from mappers.vocabulary import (
    Arrival,
    Attachment,
    AttachmentKind,
    ConversationMoved,
    ConversationRefused,
    Direction,
    EntryPoint,
    HttpCall,
    HttpReply,
    Identity,
    IdentityKind,
    MessageArrived,
    MessageEdited,
    Origin,
    Person,
    Quote,
    ReachabilityChanged,
    ReactionChanged,
    Reading,
    Span,
    SpanKind,
)
from tests.port import NOON

NIKA = {"id": 3527065, "is_bot": False, "first_name": "Ника"}
CHAT = {"id": 3527065, "first_name": "Ника", "type": "private"}
GROUP = {"id": -42, "title": "Отдел продаж", "type": "group"}
HEAD = {"message_id": 41, "from": NIKA, "chat": CHAT, "date": 1793300000}
SENT_AT = datetime.fromtimestamp(1793300000, UTC)
SHOP = {"id": 700100, "is_bot": True, "first_name": "Shop", "username": "shop_bot"}
FILE = {"file_id": "AwAC", "file_unique_id": "AgAD", "file_size": 15380}


class Nobody:
    """A port that must not be used: reading is pure."""

    async def send(self, call: HttpCall) -> HttpReply:
        raise AssertionError(call)

    def now(self) -> datetime:
        raise AssertionError


BOT = Telegram(Config(token=SecretStr("700100:abc"), username="shop_bot"), Nobody())


def read(kind: str, value: Any) -> Reading:
    body = json.dumps({"update_id": 870001, kind: value}).encode()
    return BOT.read(Arrival(body=body, form="", received_at=NOON))


def arrived(**content: Any) -> MessageArrived:
    (event,) = read("message", HEAD | content).events
    assert isinstance(event, MessageArrived)
    return event


def shown(**content: Any) -> Attachment:
    (attachment,) = arrived(**content).message.attachments
    return attachment


def origin(number: int) -> Origin:
    return Origin("telegram", "700100", f"3527065:{number}")


# Text


def test_a_reply_with_a_quote() -> None:
    person = NIKA | {"last_name": "П", "username": "nika_p", "language_code": "ru"}
    question = {"message_id": 40, "from": SHOP, "chat": CHAT, "date": 1, "text": "Какой размер?"}
    event = arrived(
        **{"from": person},
        reply_to_message=question,
        quote={"text": "размер", "position": 6, "is_manual": True},
        text="42, пожалуйста",
    )
    message = event.message
    assert message.origin == origin(41)
    assert (message.conversation, message.author) == ("3527065", "3527065")
    assert (message.direction, message.sent_at) == (Direction.INBOUND, SENT_AT)
    assert message.text == "42, пожалуйста"
    assert message.quote == Quote(origin=origin(40), text="размер")
    assert event.person == Person(
        identities=(
            Identity(
                kind=IdentityKind.CHANNEL_USER,
                value="telegram:3527065",
                evidence="telegram.user_id",
            ),
        ),
        name="Ника П",
        username="nika_p",
        language="ru",
        profile_url="https://t.me/nika_p",
    )


def test_a_reply_without_a_quote_answers_the_whole_message() -> None:
    picture = {"message_id": 40, "date": 1, "chat": CHAT, "photo": [FILE], "caption": "Каталог"}
    message = arrived(text="беру", reply_to_message=picture).message
    assert message.quote == Quote(origin=origin(40), text="Каталог")


@pytest.mark.parametrize(
    ("text", "entry_point"),
    [
        ("/start promo-7_a", EntryPoint(payload="promo-7_a")),
        ("/start", None),
        ("/start два слова", None),
        ("/started promo", None),
        ("скажите /start promo", None),
    ],
)
def test_a_deep_link_is_an_entry_point_and_still_a_message(
    text: str, entry_point: EntryPoint | None
) -> None:
    message = arrived(text=text).message
    assert message.text == text
    assert message.entry_point == entry_point


@pytest.mark.parametrize(
    ("forward_origin", "name"),
    [
        ({"type": "user", "date": 1, "sender_user": {"id": 5, "first_name": "Антон"}}, "Антон"),
        ({"type": "hidden_user", "date": 1, "sender_user_name": "Инкогнито"}, "Инкогнито"),
        ({"type": "chat", "date": 1, "sender_chat": GROUP}, "Отдел продаж"),
        ({"type": "channel", "date": 1, "chat": {"id": -1, "title": "Новости"}}, "Новости"),
        ({"type": "new_kind", "date": 1}, "new_kind"),
    ],
)
def test_a_forwarded_message_names_its_author(forward_origin: Any, name: str) -> None:
    assert arrived(text="см.", forward_origin=forward_origin).message.forwarded_from == name


def test_a_nul_that_no_database_takes_is_replaced_without_moving_anything() -> None:
    bold = {"type": "bold", "offset": 2, "length": 1}
    message = arrived(text="а\0б", entities=[bold]).message
    assert message.text == "а\ufffdб"
    assert message.spans == (Span(kind=SpanKind.BOLD, start=2, end=3),)


# Formatting


def test_formatting_is_counted_in_code_points() -> None:
    entities = [
        {"type": "bold", "offset": 3, "length": 3},
        {"type": "text_link", "offset": 7, "length": 4, "url": "https://shop.example"},
        {"type": "expandable_blockquote", "offset": 0, "length": 13},
        {"type": "mention", "offset": 0, "length": 2},
        {"type": "kind_of_next_year", "offset": 0, "length": 2},
    ]
    assert arrived(text="👟 ok! тут 👍", entities=entities).message.spans == (
        Span(kind=SpanKind.BOLD, start=2, end=5),
        Span(kind=SpanKind.LINK, start=6, end=10, url="https://shop.example"),
        Span(kind=SpanKind.QUOTE, start=0, end=11),
    )


@pytest.mark.parametrize(
    ("offset", "length", "span"),
    [
        (0, 1, (0, 1)),  # half of a surrogate pair is widened to the whole
        (1, 1, (0, 1)),
        (1, 2, (0, 2)),
        (0, 99, (0, 2)),
        (-5, 7, (0, 1)),
        (2, 0, None),
        (2, -1, None),
        (50, 3, None),
    ],
)
def test_formatting_that_misses_the_text_is_cut(
    offset: int, length: int, span: tuple[int, int] | None
) -> None:
    found = spans_in("😀b", [Entity(type="code", offset=offset, length=length)])
    assert [(one.start, one.end) for one in found] == ([span] if span else [])


@given(
    text=st.text(min_size=1),
    kind=st.sampled_from(SpanKind),
    ends=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_what_we_format_reads_back_the_same(
    text: str, kind: SpanKind, ends: tuple[int, int]
) -> None:
    start, end = sorted(min(at, len(text)) for at in ends)
    url = "https://shop.example" if kind is SpanKind.LINK else ""
    span = Span(kind=kind, start=start, end=end, url=url)
    entities = entities_for(text, (span,))
    utf16 = text.encode("utf-16-le", "surrogatepass")
    for entity in entities:
        part = utf16[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])]
        assert part.decode("utf-16-le", "surrogatepass") == text[start:end]
    wire = [Entity.model_validate(entity) for entity in entities]
    assert spans_in(text, wire) == ((span,) if start < end else ())


# What is shown


@pytest.mark.parametrize(
    ("content", "kind", "title", "mime"),
    [
        ({"document": FILE | {"file_name": "счёт.pdf"}}, "file", "счёт.pdf", ""),
        ({"animation": FILE, "document": FILE}, "video", "", "video/mp4"),
        ({"video": FILE | {"mime_type": "video/webm"}}, "video", "", "video/webm"),
        ({"video_note": FILE}, "video", "", "video/mp4"),
        ({"voice": FILE | {"mime_type": "audio/ogg"}}, "voice", "", "audio/ogg"),
        ({"audio": FILE | {"performer": "Кино", "title": "Звезда"}}, "audio", "Кино – Звезда", ""),
        ({"sticker": FILE | {"emoji": "👍"}}, "sticker", "👍", "image/webp"),
        ({"sticker": FILE | {"is_video": True}}, "sticker", "", "video/webm"),
        ({"sticker": FILE | {"is_animated": True}}, "sticker", "", "application/x-tgsticker"),
    ],
)
def test_files(content: Any, kind: str, title: str, mime: str) -> None:
    assert shown(**content) == Attachment(
        kind=AttachmentKind(kind), handle="AwAC", title=title, mime=mime, size_bytes=15380
    )


def test_a_picture_of_an_album_is_its_largest_size_under_its_caption() -> None:
    small, large = FILE | {"file_id": "small"}, FILE | {"file_id": "large", "file_size": 180233}
    bold = {"type": "bold", "offset": 0, "length": 3}
    message = arrived(
        media_group_id="139", photo=[small, large], caption="Вот чек", caption_entities=[bold]
    ).message
    assert message.text == "Вот чек"
    assert message.spans == (Span(kind=SpanKind.BOLD, start=0, end=3),)
    assert message.attachments == (
        Attachment(kind=AttachmentKind.IMAGE, handle="large", mime="image/jpeg", size_bytes=180233),
    )


@pytest.mark.parametrize(
    ("number", "whose", "phone"),
    [
        ("79990001122", 3527065, "+79990001122"),
        ("+7 (999) 000-11-22", 3527065, "+79990001122"),
        ("79990001122", 555, ""),
        ("79990001122", None, ""),
        ("112", 3527065, ""),
        ("call me", 3527065, ""),
    ],
)
def test_a_phone_is_believed_only_on_ones_own_card(
    number: str, whose: int | None, phone: str
) -> None:
    card = {"phone_number": number, "first_name": "Ника"}
    event = arrived(contact=card if whose is None else card | {"user_id": whose})
    assert event.message.attachments[0].kind == AttachmentKind.CONTACT
    assert event.message.attachments[0].title.startswith("Ника ")
    evidence = [(i.value, i.evidence) for i in event.person.identities[1:]]
    assert evidence == ([(phone, "telegram.contact_shared")] if phone else [])


# Events that are not new messages


def test_an_edit() -> None:
    edited = HEAD | {"edit_date": 1793300060, "text": "43", "reply_markup": {}}
    when = datetime.fromtimestamp(1793300060, UTC)
    expected = MessageEdited(origin=origin(41), edited_at=when, text="43")
    assert read("edited_message", edited).events == (expected,)


@pytest.mark.parametrize(("status", "reachable"), [("kicked", False), ("member", True)])
def test_blocking_and_coming_back(status: str, reachable: bool) -> None:
    member = {"user": SHOP, "status": status, "until_date": 0}
    change = {"chat": CHAT, "from": NIKA, "date": 1793300000, "new_chat_member": member}
    expected = ReachabilityChanged(conversation="3527065", reachable=reachable, at=SENT_AT)
    assert read("my_chat_member", change).events == (expected,)


@pytest.mark.parametrize(
    ("now_there", "emoji"),
    [
        ([{"type": "emoji", "emoji": "👍"}], "👍"),
        ([{"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "🔥"}], "🔥"),
        ([{"type": "custom_emoji", "custom_emoji_id": "5"}], "❔"),
        ([{"type": "paid"}], "⭐"),
        ([], ""),
    ],
)
def test_a_reaction_is_what_is_there_now(now_there: Any, emoji: str) -> None:
    head = {"chat": CHAT, "message_id": 40, "user": NIKA, "date": 1793300000}
    change = head | {"old_reaction": [], "new_reaction": now_there}
    expected = ReactionChanged(origin=origin(40), author="3527065", emoji=emoji, at=SENT_AT)
    assert read("message_reaction", change).events == (expected,)


def test_a_group_is_refused_politely() -> None:
    (event,) = read("message", HEAD | {"chat": GROUP, "text": "Всем привет"}).events
    assert isinstance(event, ConversationRefused)
    assert (event.conversation, event.reason) == ("-42", "group")
    assert event.notice.count("@shop_bot") == 2


def test_a_group_that_moves() -> None:
    moved = HEAD | {"chat": GROUP, "migrate_to_chat_id": -1000000000042}
    expected = ConversationMoved(old="-42", new="-1000000000042")
    assert read("message", moved).events == (expected,)


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        ("shipping_query", {"id": "1", "from": NIKA}, "update.shipping_query"),
        ("channel_post", HEAD | {"text": "Новости"}, "update.channel_post"),
        ("kind of next year", {}, "update.nameless"),
        ("message", HEAD | {"pinned_message": {"message_id": 1}}, "message.pinned_message"),
        ("message", HEAD | {"chat": GROUP, "new_chat_members": [SHOP]}, "message.new_chat_members"),
        ("message", HEAD | {"chat": GROUP, "new_chat_title": "x"}, "message.new_chat_title"),
        (
            "message",
            HEAD | {"chat": GROUP, "is_automatic_forward": True, "text": "пост"},
            "message.is_automatic_forward",
        ),
        ("message", HEAD | {"chat": {"id": -1, "type": "channel"}}, "message.not_private"),
        ("message", HEAD | {"has_media_spoiler": True}, "message.without_content"),
        ("edited_message", HEAD | {"chat": GROUP, "text": "x"}, "edited_message.not_private"),
        (
            "edited_message",
            HEAD | {"location": {"latitude": 1, "longitude": 2}},
            "edited_message.location",
        ),
        (
            "my_chat_member",
            {"chat": GROUP, "date": 1, "new_chat_member": {"status": "left"}},
            "my_chat_member.not_private",
        ),
        (
            "message_reaction",
            {"chat": GROUP, "message_id": 1, "date": 1, "new_reaction": []},
            "message_reaction.not_private",
        ),
    ],
)
def test_what_is_not_relayed_is_named(kind: str, value: Any, name: str) -> None:
    assert read(kind, value) == Reading(ignored=(name,))


# Anything at all

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.integers(-(2**52), 2**52)
times = st.integers(0, 2**33)
users = st.fixed_dictionaries(
    {"id": ids, "is_bot": st.booleans(), "first_name": texts},
    optional={"last_name": texts, "username": texts, "language_code": texts},
)
chats = st.fixed_dictionaries(
    {"id": ids, "type": st.sampled_from(["private", "group", "supergroup", "channel", "club"])},
    optional={"title": texts},
)
entities = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["bold", "pre", "text_link", "mention", "novelty"]),
        "offset": st.integers(-5, 30),
        "length": st.integers(-5, 30),
    },
    optional={"url": texts},
)
files = st.fixed_dictionaries(
    {"file_id": texts},
    optional={"file_size": st.integers(0, 2**40), "file_name": texts, "title": texts},
)
messages = st.fixed_dictionaries(
    {"message_id": st.integers(0, 2**31), "date": times, "chat": chats},
    optional={
        "from": users,
        "edit_date": times,
        "text": texts,
        "entities": st.lists(entities),
        "caption": texts,
        "caption_entities": st.lists(entities),
        "photo": st.lists(files),
        "document": files,
        "sticker": files,
        "voice": files,
        "contact": st.fixed_dictionaries({"phone_number": texts}, optional={"user_id": ids}),
        "reply_to_message": st.fixed_dictionaries({"message_id": ids}, optional={"text": texts}),
        "quote": st.fixed_dictionaries({"text": texts, "position": ids}),
        "migrate_to_chat_id": ids,
        "pinned_message": st.just({}),
        "novelty": st.dictionaries(texts, texts),
    },
)
updates = st.one_of(
    st.tuples(st.sampled_from(["message", "edited_message"]), messages),
    st.tuples(
        st.just("my_chat_member"),
        st.fixed_dictionaries(
            {
                "chat": chats,
                "date": times,
                "new_chat_member": st.fixed_dictionaries({"status": texts}),
            }
        ),
    ),
    st.tuples(texts.filter(lambda kind: kind not in {"update_id", "message"}), messages),
)


@given(update=updates)
@settings(max_examples=300, deadline=None)
def test_whatever_has_the_shape_of_an_update_has_a_meaning(update: tuple[str, Any]) -> None:
    reading = read(*update)
    assert bool(reading.events) != bool(reading.ignored)


@pytest.mark.parametrize(
    "broken",
    [
        {"text": "секрет"},
        HEAD | {"text": 7, "caption": "секрет"},
        HEAD | {"date": 10**18, "text": "секрет"},
        HEAD | {"from": "секрет"},
        "секрет",
    ],
)
def test_a_refusal_to_read_does_not_repeat_what_was_said(broken: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        read("message", broken)
    assert "секрет" not in str(caught.value)


def test_half_a_character_is_replaced_and_the_rest_is_read() -> None:
    (event,) = read("message", HEAD | {"text": "секрет \ud800"}).events
    assert isinstance(event, MessageArrived)
    assert event.message.text == "секрет \N{REPLACEMENT CHARACTER}"
