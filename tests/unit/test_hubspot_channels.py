"""What is published in a custom channel, and by what it is known again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from crm_clients.hubspot.channels import Wanted, message_of, pieces_of, stamp_of, text_of
from crm_clients.hubspot.oauth import Application, Config
from crm_clients.hubspot.wire_conversations import ThreadMessage
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Card,
    Direction,
    Entry,
    Identity,
    IdentityKind,
    MediaFile,
    Message,
    OpenedConversation,
    Operator,
    Origin,
    Person,
    Place,
    ProviderError,
)

APPLICATION = Application(client_id="c", client_secret=SecretStr("s"), title="Shop")
CONFIG = Config(
    portal_id="4411",
    access_token=SecretStr("t"),
    refresh_token=SecretStr("r"),
    channel_id="1001234",
    channel_account_id="77001",
    inbox_id="481939",
)
AT = datetime(2026, 11, 21, 15, 59, 58, tzinfo=UTC)
ANNA = Person(
    identities=(
        Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:5", evidence="telegram.from"),
        Identity(kind=IdentityKind.PHONE, value="+79161234567", evidence="telegram.contact"),
    ),
    name="Anna",
)
SAID = Message(
    origin=Origin("telegram", "7", "100500:77"),
    conversation="100500",
    author="100500",
    direction=Direction.INBOUND,
    sent_at=AT,
    text="Hi",
)
ENTRY = Entry(
    key="tl-1",
    conversation=OpenedConversation(id="tg:1"),
    ours="tg:1",
    record="100452",
    person=ANNA,
    message=SAID,
    text="Hi",
)


async def nothing() -> bytes:
    return b""


PHOTO = MediaFile(
    kind=AttachmentKind.IMAGE,
    name="cat.png",
    mime="image/png",
    size_bytes=1,
    url="https://hub.example.com/f/1",
    read=nothing,
)


def numbered(number: int, key: str = "tl-1", **changes: Any) -> Entry:
    said = replace(SAID, origin=Origin("telegram", "7", f"100500:{number}"))
    return replace(ENTRY, key=key, message=said, **changes)


def published(entry: Entry = ENTRY, **more: Any) -> ThreadMessage:
    """What a thread shows of an entry."""
    body = message_of(entry, APPLICATION, CONFIG, ())
    kept = ("text", "senders", "recipients", "attachments", "channelAccountId")
    told = {name: body[name] for name in kept}
    told |= {"direction": body["messageDirection"], "createdAt": body["timestamp"]}
    return ThreadMessage.model_validate({"id": "m1", "type": "MESSAGE", **told, **more})


class TestPublishing:
    def test_a_customers_message_names_both_sides_and_the_contact(self) -> None:
        body = message_of(ENTRY, APPLICATION, CONFIG, ())
        us = {
            "deliveryIdentifier": {
                "type": "CHANNEL_SPECIFIC_OPAQUE_ID",
                "value": "threadline:4411:481939",
            },
            "name": "Shop",
        }
        them = {
            "deliveryIdentifier": {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "tg:1"},
            "name": "Anna",
        }
        assert body == {
            "text": "Hi",
            "messageDirection": "INCOMING",
            "channelAccountId": "77001",
            "integrationThreadId": "tg:1",
            "integrationIdempotencyId": "tl-1",
            "timestamp": body["timestamp"],
            "senders": [them],
            "recipients": [us],
            "attachments": [],
            "associateWithContactId": 100452,
            "preResolvedContacts": {
                "contacts": [{"contactVid": 100452, "contactPropertiesLeadingToMatch": ["phone"]}]
            },
        }
        assert body == message_of(ENTRY, APPLICATION, CONFIG, ())

    def test_an_employees_message_goes_the_other_way(self) -> None:
        body = message_of(replace(ENTRY, author=Operator(id="")), APPLICATION, CONFIG, ())
        assert body["messageDirection"] == "OUTGOING"
        assert body["recipients"][0]["name"] == "Anna"

    def test_nobody_is_said_to_have_matched_a_person_without_a_phone(self) -> None:
        nameless = replace(ENTRY, person=Person(identities=()), quoted="m0")
        body = message_of(nameless, APPLICATION, CONFIG, ())
        assert "preResolvedContacts" not in body
        assert (body["senders"][0]["name"], body["inReplyToId"]) == ("tg:1", "m0")

    def test_a_record_that_is_no_number_is_gone(self) -> None:
        with pytest.raises(ProviderError) as caught:
            message_of(replace(ENTRY, record="x"), APPLICATION, CONFIG, ())
        assert getattr(caught.value.failure, "gone", "") == "record"

    def test_a_place_and_a_card_are_shown_as_such(self) -> None:
        place = Attachment(
            kind=AttachmentKind.LOCATION, place=Place(latitude=1.5, longitude=2.5), title="Shop"
        )
        card = Attachment(kind=AttachmentKind.CONTACT, card=Card(name="Bob", phone="+1"))
        (shown,) = pieces_of(replace(ENTRY, message=replace(SAID, attachments=(place,))))
        assert shown == {"type": "LOCATION", "latitude": 1.5, "longitude": 2.5, "name": "Shop"}
        (shown,) = pieces_of(replace(ENTRY, message=replace(SAID, attachments=(card,))))
        assert shown["contactProfile"]["phones"] == [{"phone": "+1"}]
        assert pieces_of(replace(ENTRY, message=replace(SAID, attachments=(place, card)))) == ()

    def test_a_file_is_a_link_where_the_portal_takes_none(self) -> None:
        entry = replace(ENTRY, file=PHOTO)
        without = CONFIG.model_copy(update={"scopes": ("oauth",)})
        assert text_of(entry, CONFIG) == "Hi"
        assert text_of(entry, without) == "Hi\ncat.png\nhttps://hub.example.com/f/1"


class TestTime:
    def test_messages_of_one_second_keep_their_order(self) -> None:
        times = [stamp_of(numbered(number, key=f"tl-{number}")) for number in range(20, 490)]
        assert times == sorted(times)
        assert len(set(times)) == len(times)
        assert {each.replace(microsecond=0) for each in times} == {AT}

    def test_a_time_that_is_told_exactly_is_kept_to_the_hundredth(self) -> None:
        exact = AT + timedelta(milliseconds=437)
        stamp = stamp_of(replace(ENTRY, message=replace(SAID, sent_at=exact)))
        assert (
            timedelta() <= stamp - (AT + timedelta(milliseconds=430)) < timedelta(milliseconds=10)
        )

    def test_another_key_is_another_time_and_files_of_one_message_share_theirs(self) -> None:
        assert len({stamp_of(replace(ENTRY, key=f"tl-{each}")) for each in range(30)}) > 1
        files = (replace(ENTRY, key=f"tl-{each}", file=PHOTO) for each in range(30))
        assert len({stamp_of(each) for each in files}) == 1


class TestKnowingAgain:
    def test_a_message_is_known_by_where_it_is_what_it_says_and_when(self) -> None:
        wanted = Wanted(ENTRY, CONFIG)
        assert wanted.is_in(published())
        others = (
            published(numbered(78)),
            published(replace(ENTRY, text="Hey")),
            published(replace(ENTRY, ours="tg:2")),
            published(replace(ENTRY, author=Operator(id=""))),
            published(type="COMMENT"),
            published(channelAccountId="77002"),
            published(createdAt="yesterday"),
        )
        assert not [each for each in others if wanted.is_in(each)]

    def test_where_hubspot_tells_its_own_time_it_is_known_by_when_we_called(self) -> None:
        called = AT + timedelta(seconds=2)
        wanted = Wanted(ENTRY, CONFIG, since=called)
        taken = [(called + timedelta(milliseconds=each)).isoformat() for each in (-100, 100)]
        assert [wanted.is_in(published(createdAt=each)) for each in taken] == [False, True]

    def test_a_file_is_known_by_its_number_alone(self) -> None:
        wanted = Wanted(replace(ENTRY, file=PHOTO), CONFIG, frozenset({"12"}))
        shown = [{"type": "FILE", "fileId": number} for number in ("12", "13")]
        assert [
            wanted.is_in(published(attachments=[each], createdAt="2020-01-01T00:00:00Z"))
            for each in shown
        ] == [True, False]
