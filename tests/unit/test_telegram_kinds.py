"""What is shown, pressed, or written through a business account; and a corpus of all of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Card,
    Direction,
    Identity,
    IdentityKind,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    Place,
    Quote,
    Reading,
)
from tests.port import NOON
from tests.unit.test_telegram_reading import (
    CHAT,
    FILE,
    GROUP,
    HEAD,
    NIKA,
    SENT_AT,
    SHOP,
    arrived,
    origin,
    read,
    shown,
    texts,
)

OWNER = {"id": 555000, "is_bot": False, "first_name": "Владелец"}
THROUGH = {"business_connection_id": "Vq1-abc_"}
HERE = Place(latitude=55.75, longitude=37.61)
POINT = {"latitude": 55.75, "longitude": 37.61}


@pytest.mark.parametrize(
    ("content", "kind", "title"),
    [
        ({"dice": {"emoji": "🎲", "value": 6}}, "other", "🎲 6"),
        ({"game": {"title": "2048", "description": "x", "photo": []}}, "other", "game 2048"),
        ({"story": {"chat": CHAT, "id": 1}}, "other", "story"),
        ({"checklist": {"title": "План", "tasks": []}}, "other", "checklist"),
        ({"content_of_next_year": {"x": 1}, "via_bot": SHOP}, "other", "content_of_next_year"),
    ],
)
def test_what_has_no_bytes_is_named(content: Any, kind: str, title: str) -> None:
    assert shown(**content) == Attachment(kind=AttachmentKind(kind), title=title)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ({"location": POINT}, "55.75, 37.61"),
        ({"location": POINT | {"live_period": 900, "heading": 90}}, "55.75, 37.61"),
        (
            {"location": POINT, "venue": {"location": POINT, "title": "Кафе", "address": "Арбат"}},
            "Кафе, Арбат",
        ),
    ],
)
def test_a_place_is_a_point_with_a_name(content: Any, title: str) -> None:
    expected = Attachment(kind=AttachmentKind.LOCATION, title=title, place=HERE)
    assert shown(**content) == expected


def test_a_card_keeps_its_number_as_it_was_written() -> None:
    card = {"phone_number": "8 (999) 000", "first_name": "Антон", "last_name": "К"}
    assert shown(contact=card) == Attachment(
        kind=AttachmentKind.CONTACT,
        title="Антон К 8 (999) 000",
        card=Card(name="Антон К", phone="8 (999) 000"),
    )


@pytest.mark.parametrize("kind", ["voice", "audio", "video", "video_note", "animation"])
def test_what_lasts_says_how_long(kind: str) -> None:
    assert shown(**{kind: FILE | {"duration": 4}}).duration_s == 4


def test_a_poll_is_its_question_and_its_options() -> None:
    options = [{"text": "да", "voter_count": 0}, {"text": "нет", "voter_count": 1}]
    message = arrived(poll={"id": "1", "question": "Удобно?", "options": options}).message
    assert message.text == "📊 Удобно?\n– да\n– нет"
    assert message.attachments == ()


def test_an_edited_caption_is_an_edit_of_the_text() -> None:
    edited = HEAD | {"edit_date": 1793300060, "photo": [FILE], "caption": "Чек"}
    (event,) = read("edited_message", edited).events
    assert isinstance(event, MessageEdited)
    assert event.text == "Чек"


def test_each_picture_of_an_album_is_a_message_and_the_words_stay_with_theirs() -> None:
    album = {"media_group_id": "139", "photo": [FILE]}
    first = arrived(**album, caption="Вот чек").message
    second = arrived(**album, message_id=42).message
    assert [(m.origin, m.text) for m in (first, second)] == [
        (origin(41), "Вот чек"),
        (origin(42), ""),
    ]
    assert all(m.attachments[0].kind is AttachmentKind.IMAGE for m in (first, second))


def test_a_command_is_said_like_any_text() -> None:
    command = {"type": "bot_command", "offset": 0, "length": 5}
    message = arrived(text="/help", entities=[command]).message
    assert (message.text, message.spans) == ("/help", ())


# Buttons

ASKED = HEAD | {"message_id": 40, "from": SHOP, "text": "Какой размер?"}
BUTTONS = {"inline_keyboard": [[{"text": "Размер 42", "callback_data": "size:42"}]]}


def pressed(**changes: Any) -> Reading:
    press = {"id": "1514", "from": NIKA, "chat_instance": "-3", "data": "size:42"}
    return read("callback_query", press | {"message": ASKED | {"reply_markup": BUTTONS}} | changes)


def test_a_pressed_button_says_what_is_written_on_it() -> None:
    (event,) = pressed().events
    assert isinstance(event, MessageArrived)
    message = event.message
    assert message.text == "Размер 42"
    assert message.origin.message == "3527065:press-1514"
    assert (message.conversation, message.author) == ("3527065", "3527065")
    assert message.quote == Quote(origin=origin(40), text="Какой размер?")
    assert (message.direction, message.sent_at) == (Direction.INBOUND, NOON)
    assert event.person.identities[0].value == "telegram:3527065"


def test_a_button_that_is_no_longer_to_be_seen_says_what_it_sends() -> None:
    inaccessible = {"message_id": 40, "chat": CHAT, "date": 0}
    (event,) = pressed(message=inaccessible).events
    assert isinstance(event, MessageArrived)
    assert event.message.text == "size:42"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"message": ASKED | {"chat": GROUP}}, "callback_query.not_private"),
        ({"message": None, "inline_message_id": "x"}, "callback_query.not_private"),
        ({"from": OWNER}, "callback_query.not_private"),
        ({"data": "", "game_short_name": "2048"}, "callback_query.without_data"),
    ],
)
def test_a_press_that_is_no_message_is_named(changes: Any, name: str) -> None:
    assert pressed(**changes) == Reading(ignored=(name,))


# Business accounts


def business(**content: Any) -> MessageArrived:
    (event,) = read("business_message", HEAD | THROUGH | content).events
    assert isinstance(event, MessageArrived)
    return event


def test_what_a_customer_writes_to_the_owner_is_inbound() -> None:
    reply = {"message_id": 40, "date": 1, "chat": CHAT, "text": "Слушаю"}
    event = business(text="/start x", reply_to_message=reply)
    message = event.message
    assert message.conversation == "Vq1-abc_:3527065"
    assert message.origin.message == "Vq1-abc_:3527065:41"
    assert message.direction is Direction.INBOUND
    assert message.quote is not None
    assert message.quote.origin.message == "Vq1-abc_:3527065:40"
    assert event.person.identities[0].value == "telegram:3527065"


def test_what_the_owner_types_on_his_phone_is_outbound_and_about_the_customer() -> None:
    card = {"phone_number": "79990001122", "user_id": 3527065}
    event = business(**{"from": OWNER}, text="/start x", contact=card, is_from_offline=True)
    message = event.message
    assert (message.direction, message.author) == (Direction.OUTBOUND, "555000")
    assert (message.automatic, message.entry_point) == (True, None)
    who = IdentityKind.CHANNEL_USER
    assert event.person.identities == (
        Identity(kind=who, value="telegram:3527065", evidence="telegram.user_id"),
    )
    assert event.person.name == "Ника"


def test_our_own_words_that_come_back_are_not_written_again() -> None:
    echo = HEAD | THROUGH | {"from": OWNER, "sender_business_bot": SHOP, "text": "Есть 42-й"}
    assert read("business_message", echo) == Reading(ignored=("business_message.sent_by_us",))
    other = SHOP | {"id": 700200}
    message = business(**{"from": OWNER}, sender_business_bot=other, text="Мы закрыты").message
    assert (message.direction, message.automatic) == (Direction.OUTBOUND, True)


def test_edits_and_deletions_through_a_business_account_name_its_messages() -> None:
    edited = HEAD | THROUGH | {"edit_date": 1793300060, "text": "43"}
    (edit,) = read("edited_business_message", edited).events
    assert isinstance(edit, MessageEdited)
    assert edit.origin.message == "Vq1-abc_:3527065:41"
    deleted = THROUGH | {"chat": CHAT, "message_ids": [41, 42]}
    events = read("deleted_business_messages", deleted).events
    assert all(isinstance(event, MessageDeleted) and event.deleted_at == NOON for event in events)
    names = [event.origin.message for event in events if isinstance(event, MessageDeleted)]
    assert names == ["Vq1-abc_:3527065:41", "Vq1-abc_:3527065:42"]
    none = read("deleted_business_messages", deleted | {"message_ids": []})
    assert none == Reading(ignored=("deleted_business_messages.none",))


@pytest.mark.parametrize(("is_enabled", "state"), [(True, "enabled"), (False, "disabled")])
def test_a_business_account_that_comes_or_goes_is_named(is_enabled: bool, state: str) -> None:
    connection = {"id": "Vq1-abc_", "user": OWNER, "user_chat_id": 555000, "date": 1}
    reading = read("business_connection", connection | {"is_enabled": is_enabled})
    assert reading == Reading(ignored=(f"business_connection.{state}",))


# A corpus of the published shapes

small = st.integers(0, 2**31)
people = st.sampled_from([NIKA, OWNER, SHOP, NIKA | {"last_name": "П", "username": "nika_p"}])
sized = st.fixed_dictionaries(
    {"file_id": texts, "file_unique_id": texts},
    optional={"file_size": small, "duration": small, "mime_type": texts, "file_name": texts},
)
points = st.fixed_dictionaries(
    {"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)},
    optional={"live_period": small},
)
venues = st.fixed_dictionaries({"location": points, "title": texts, "address": texts})
cards = st.fixed_dictionaries(
    {"phone_number": texts, "first_name": texts}, optional={"user_id": small, "vcard": texts}
)
options = st.lists(st.fixed_dictionaries({"text": texts, "voter_count": small}), max_size=3)
CONTENT: dict[str, st.SearchStrategy[Any]] = {
    "text": texts.filter(bool),
    "photo": st.lists(sized, min_size=1, max_size=3),
    **dict.fromkeys(("document", "voice", "audio", "video", "video_note", "animation"), sized),
    "sticker": sized.map(lambda file: file | {"emoji": "👍", "is_animated": True}),
    "location": points,
    "venue": venues,
    "contact": cards,
    "poll": st.fixed_dictionaries({"question": texts, "options": options}),
    "dice": st.fixed_dictionaries({"emoji": texts, "value": small}),
    "game": st.fixed_dictionaries({"title": texts, "description": texts}),
    "story": st.fixed_dictionaries({"id": small}),
    "checklist": st.fixed_dictionaries({"title": texts}),
}
about = st.fixed_dictionaries(
    {"message_id": small, "date": small, "chat": st.just(CHAT), "from": people},
    optional={
        "edit_date": small,
        "caption": texts,
        "media_group_id": texts,
        "forward_origin": st.just({"type": "hidden_user", "date": 1, "sender_user_name": "Н"}),
        "reply_to_message": st.fixed_dictionaries({"message_id": small}),
        "business_connection_id": st.just("Vq1"),
        "sender_business_bot": st.just(SHOP),
    },
)


@st.composite
def private_updates(draw: st.DrawFn) -> tuple[str, str, Any]:
    kinds = ["message", "edited_message", "business_message", "edited_business_message"]
    content = draw(st.sampled_from(sorted(CONTENT)))
    return (
        draw(st.sampled_from(kinds)),
        content,
        draw(about) | {content: draw(CONTENT[content])},
    )


@given(update=private_updates())
@settings(max_examples=400, deadline=None)
def test_nothing_that_is_said_in_private_vanishes(update: tuple[str, str, Any]) -> None:
    kind, content, value = update
    reading = read(kind, value)
    assert bool(reading.events) != bool(reading.ignored)
    if reading.ignored:
        echo, moved = "business_message.sent_by_us", "edited_message.location"
        assert reading.ignored[0] in {echo, moved}
        assert "sender_business_bot" in value or content in {"location", "venue"}
    for event in reading.events:
        if isinstance(event, MessageArrived):
            assert event.message.text or event.message.attachments[0].kind
            assert event.message.sent_at == datetime.fromtimestamp(value["date"], UTC)


buttons = st.fixed_dictionaries({"text": texts}, optional={"callback_data": texts})
inside = st.fixed_dictionaries({"message_id": small, "chat": st.just(CHAT)})
marked = st.fixed_dictionaries(
    {"message_id": small, "chat": st.just(CHAT), "date": small},
    optional={
        "text": texts,
        "business_connection_id": st.just("Vq1"),
        "reply_markup": st.fixed_dictionaries(
            {"inline_keyboard": st.lists(st.lists(buttons, max_size=2), max_size=2)}
        ),
    },
)
kinds_of_reaction = st.sampled_from(["emoji", "custom_emoji", "paid", "novelty"])
reactions = st.lists(
    st.fixed_dictionaries({"type": kinds_of_reaction}, optional={"emoji": texts}), max_size=3
)
ACTS: dict[str, st.SearchStrategy[Any]] = {
    "callback_query": st.fixed_dictionaries(
        {"id": texts, "from": people}, optional={"data": texts, "message": marked | inside}
    ),
    "message_reaction": st.fixed_dictionaries(
        {
            "chat": st.just(CHAT),
            "message_id": small,
            "user": people,
            "date": small,
            "old_reaction": reactions,
            "new_reaction": reactions,
        }
    ),
    "deleted_business_messages": st.fixed_dictionaries(
        {
            "business_connection_id": texts,
            "chat": st.just(CHAT),
            "message_ids": st.lists(small, max_size=3),
        }
    ),
    "business_connection": st.fixed_dictionaries(
        {"id": texts, "user": people, "user_chat_id": small, "date": small},
        optional={"is_enabled": st.booleans(), "rights": st.just({"can_reply": True})},
    ),
}


@given(update=st.sampled_from(sorted(ACTS)).flatmap(lambda k: st.tuples(st.just(k), ACTS[k])))
@settings(max_examples=200, deadline=None)
def test_nothing_that_is_done_in_private_vanishes(update: tuple[str, Any]) -> None:
    reading = read(*update)
    assert bool(reading.events) != bool(reading.ignored)


@given(caption=texts.filter(bool), start=st.integers(0, 20), size=st.integers(1, 20))
def test_a_caption_is_read_to_the_letter(caption: str, start: int, size: int) -> None:
    bold = {"type": "bold", "offset": start, "length": size}
    message = arrived(photo=[FILE], caption=caption, caption_entities=[bold]).message
    assert message.text == caption.replace("\0", "\ufffd")
    assert all(0 <= span.start < span.end <= len(caption) for span in message.spans)
    assert message.sent_at == SENT_AT
