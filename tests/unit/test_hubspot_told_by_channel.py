"""Events of a custom channel, and messages of its threads, read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.told_by_channel import read_channel, read_history
from mappers.vocabulary import (
    AccessRevoked,
    AttachmentKind,
    Button,
    HistoryRead,
    MalformedWebhook,
    OperatorReplied,
    Reading,
    SpanKind,
)

CONFIG = Config(
    portal_id="4411",
    access_token=SecretStr("t"),
    refresh_token=SecretStr("r"),
    channel_id="1001234",
    channel_account_id="77001",
)
OLGA = {"actorId": "A-222222", "name": "Olga Petrova"}
ANNA = {"actorId": "V-100452", "deliveryIdentifier": {"type": "X", "value": "tg:1"}}


def said(**more: Any) -> dict[str, Any]:
    return {
        "id": "c1c2",
        "type": "MESSAGE",
        "channelId": "1001234",
        "channelAccountId": "77001",
        "conversationsThreadId": "6065362089",
        "createdAt": "2026-11-21T16:03:09.500Z",
        "createdBy": "A-222222",
        "client": {"clientType": "HUBSPOT"},
        "senders": [OLGA],
        "recipients": [ANNA],
        "text": "It ships today.",
        "richText": "<p>It ships <strong>today</strong>.</p>",
        "attachments": [],
        "direction": "OUTGOING",
        **more,
    }


def told(event: str = "OUTGOING_CHANNEL_MESSAGE_CREATED", **more: Any) -> dict[str, Any]:
    return {
        "type": event,
        "portalId": "4411",
        "channelId": "1001234",
        "eventTimestamp": "2026-11-21T16:03:10.000Z",
        "eventId": "e1",
        "channelIntegrationThreadIds": ["tg:1"],
        "message": said(),
        **more,
    }


def reply_in(reading: Reading) -> OperatorReplied:
    (event,) = reading.events
    assert isinstance(event, OperatorReplied)
    return event


class TestEvents:
    def test_a_reply_is_read_with_its_author_and_formatting(self) -> None:
        reply = reply_in(read_channel(told(), CONFIG))
        assert str(reply.message.origin) == "hubspot/4411/c1c2"
        assert (reply.ours, reply.message.conversation) == ("tg:1", "tg:1")
        assert (reply.operator.id, reply.operator.name) == ("A-222222", "Olga Petrova")
        assert reply.message.text == "It ships today."
        assert [span.kind for span in reply.message.spans] == [SpanKind.BOLD]
        assert not reply.message.automatic
        assert not reply.recovered

    def test_where_no_thread_is_named_the_recipient_is_whom_it_is_for(self) -> None:
        spelt = said(recipients=[{"deliveryIdentifier": "tg:2"}])
        event = told(channelIntegrationThreadIds=None, message=spelt)
        assert reply_in(read_channel(event, CONFIG)).ours == "tg:2"
        event = told(channelIntegrationThreadIds=None, integrationThreadId="tg:3", message=spelt)
        assert reply_in(read_channel(event, CONFIG)).ours == "tg:3"

    def test_what_nobody_typed_is_automatic(self) -> None:
        bot = said(senders=[{"actorId": "L-5"}], createdBy="L-5")
        assert reply_in(read_channel(told(message=bot), CONFIG)).message.automatic

    @pytest.mark.parametrize(
        ("event", "why"),
        [
            (told(message=said(type="COMMENT")), "comment"),
            (told(message=said(type="ASSIGNMENT")), "no_message"),
            (told(message=said(direction="INCOMING")), "customers_message"),
            (told(message=said(channelAccountId="9")), "another_account"),
            (told(channelId="9"), "another_channel"),
            (told(message=said(text=" ", richText="")), "empty_message"),
            (told(message=said(recipients=[]), channelIntegrationThreadIds=[]), "reply_to_nobody"),
            (
                told(message=said(client={"clientType": "INTEGRATION"}, senders=[{"name": "We"}])),
                "told_by_us",
            ),
            (told("CHANNEL_ACCOUNT_CREATED"), "channel_account_created"),
            (told("CHANNEL_ACCOUNT_UPDATED", channelAccountId="77001"), "channel_account_updated"),
            (told("CHANNEL_ACCOUNT_PURGED", channelAccountId="9"), "channel_account_purged"),
            (told("Привет"), "unknown"),
        ],
    )
    def test_what_is_not_relayed_is_named(self, event: dict[str, Any], why: str) -> None:
        assert read_channel(event, CONFIG) == Reading(ignored=(f"channel.{why}",))

    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (told("CHANNEL_ACCOUNT_PURGED", channelAccountId=77001), "hubspot.account_purged"),
            (
                told("CHANNEL_ACCOUNT_UPDATED", channelAccountId="77001", authorized=False),
                "hubspot.account_unauthorized",
            ),
            (
                told("CHANNEL_ACCOUNT_UPDATED", channelAccountId="77001", archived=True),
                "hubspot.account_unauthorized",
            ),
            (
                told("CHANNEL_ACCOUNT_UPDATED", channelAccountId="77001", active=False),
                "hubspot.account_unauthorized",
            ),
        ],
    )
    def test_a_lost_account_shuts_us_out(self, event: dict[str, Any], reason: str) -> None:
        assert read_channel(event, CONFIG).events == (AccessRevoked(reason=reason, heals=True),)

    def test_a_message_without_a_time_is_set_aside(self) -> None:
        with pytest.raises(MalformedWebhook):
            read_channel(told(message=said(createdAt="soon")), CONFIG)


class TestShown:
    def test_files_keep_their_number_and_address(self) -> None:
        file = {"type": "FILE", "fileId": "12", "url": "https://x.example/1", "name": "a.mp4"}
        voice = {"type": "FILE", "fileId": "13", "fileUsageType": "VOICE_RECORDING"}
        reply = reply_in(read_channel(told(message=said(attachments=[file, voice])), CONFIG))
        first, second = reply.message.attachments
        assert (first.kind, first.handle) == (AttachmentKind.VIDEO, "12 https://x.example/1")
        assert (second.kind, second.handle) == (AttachmentKind.VOICE, "13")

    def test_a_place_a_card_and_what_we_cannot_show(self) -> None:
        shown = [
            {"type": "LOCATION", "latitude": 1, "longitude": 2, "name": "Shop"},
            {"type": "CONTACT", "contactProfile": {"name": {"firstName": "Bob"}, "phones": []}},
            {"type": "UNSUPPORTED_CONTENT"},
        ]
        reply = reply_in(read_channel(told(message=said(attachments=shown)), CONFIG))
        place, card, other = reply.message.attachments
        assert (place.title, place.place and place.place.longitude) == ("Shop", 2)
        assert card.card is not None
        assert card.card.name == "Bob"
        assert other.kind is AttachmentKind.OTHER

    def test_choices_are_buttons_or_are_said(self) -> None:
        choices = [
            {"value": "yes", "valueType": "TEXT", "label": "Yes"},
            {"value": "https://shop.example", "valueType": "URL", "label": "Site"},
        ]
        shown = {"type": "QUICK_REPLIES", "quickReplies": choices}
        rows = ((Button(label="Yes"),), (Button(label="Site", url="https://shop.example"),))
        reply = reply_in(read_channel(told(message=said(attachments=[shown])), CONFIG))
        assert reply.message.buttons == rows
        wordless = said(text="", richText="", attachments=[shown])
        reply = reply_in(read_channel(told(message=wordless), CONFIG))
        assert (reply.message.text, reply.message.buttons) == ("Yes\nSite", ())


class TestHistory:
    def test_replies_are_read_back_in_order_and_then_the_end(self) -> None:
        messages = [
            said(id="late", createdAt="2026-11-21T16:05:00.000Z"),
            said(id="early", createdAt="2026-11-21T16:04:00.000Z"),
            said(id="before", createdAt="2026-11-21T15:00:00.000Z"),
            said(id="comment", type="COMMENT"),
            {"id": "", "type": "MESSAGE"},
        ]
        since = datetime(2026, 11, 21, 16, tzinfo=UTC)
        page = {"ours": "tg:1", "since": since.timestamp() * 1000, "messages": messages}
        *replies, end = read_history(page, CONFIG).events
        assert end == HistoryRead(conversation="tg:1")
        told_back = [each for each in replies if isinstance(each, OperatorReplied)]
        assert [each.message.origin.message for each in told_back] == ["early", "late"]
        assert all(each.recovered and each.ours == "tg:1" for each in told_back)
        ignored = read_history(page, CONFIG).ignored
        assert ignored == ("channel.comment", "history.unreadable_message")
