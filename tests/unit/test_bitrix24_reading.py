"""What Bitrix24 tells us, read: the samples of its documentation and of public logs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from crm_clients.bitrix24.doors import ConnectionDoor
from crm_clients.bitrix24.oauth import Config
from crm_clients.bitrix24.reading import read
from mappers.vocabulary import (
    AccessRevoked,
    Arrival,
    AttachmentKind,
    DealChanged,
    MessageDeleted,
    MessageEdited,
    OperatorReplied,
    Origin,
    Parcel,
    Reading,
    RecordChanged,
    Span,
    SpanKind,
    Webhook,
)
from tests.port import NOON

PORTAL, TOKEN, CONNECTOR = "00112233445566778899aabbccddeeff", "f" * 32, "threadline_1"
SENT_AT = datetime.fromtimestamp(1773759161, UTC)
CONFIG = Config.model_validate(
    {
        "base": "https://acme.bitrix24.ru",
        "member_id": PORTAL,
        "access_token": "REDACTED",
        "refresh_token": "REDACTED",
        "application_token": TOKEN,
        "line": "107",
    }
)
AUTH = {
    "auth[access_token]": "ACCESS_TOKEN_1",
    "auth[refresh_token]": "REFRESH_TOKEN_1",
    "auth[member_id]": PORTAL,
    "auth[application_token]": TOKEN,
}


def parcels(event: str, **fields: str) -> tuple[Parcel, ...]:
    form = {"event": event, "event_handler_id": "555", **fields, "ts": "1773759161", **AUTH}
    hook = Webhook(method="POST", body=urlencode(form).encode())
    return ConnectionDoor(CONFIG).receive(hook).parcels


def reading_of(parcel: Parcel) -> Reading:
    arrival = Arrival(body=parcel.body, form=parcel.form, received_at=NOON)
    return read(arrival, CONFIG, CONNECTOR)


def told(event: str, **fields: str) -> Reading:
    (parcel,) = parcels(event, **fields)
    return reading_of(parcel)


def message(said: Mapping[str, str], number: str = "86497", at: int = 0) -> dict[str, str]:
    root = f"data[MESSAGES][{at}]"
    place = {f"{root}[im][chat_id]": "1807", f"{root}[im][message_id]": number}
    words = {f"{root}[message]{name}": value for name, value in said.items()}
    return {**place, **words, f"{root}[chat][id]": "telegram:7:55501"}


OURS = {"data[CONNECTOR]": CONNECTOR, "data[LINE]": "107"}


def reply_in(reading: Reading) -> OperatorReplied:
    (reply,) = reading.events
    assert isinstance(reply, OperatorReplied)
    return reply


def test_an_operators_words_are_a_reply() -> None:
    said = message({"[user_id]": "27", "[text]": "Заказ [b]5 & 6[/b][br]готов"})
    reply = reply_in(told("ONIMCONNECTORMESSAGEADD", **OURS, **said))
    assert reply.ours == reply.message.conversation == "telegram:7:55501"
    assert reply.message.text == "Заказ 5 & 6\nготов"
    assert reply.message.spans == (Span(kind=SpanKind.BOLD, start=6, end=11),)
    assert reply.message.origin == Origin("bitrix24", PORTAL, "1807:86497")
    assert (reply.operator.id, reply.operator.user) == ("27", "27")
    assert reply.message.sent_at == SENT_AT + timedelta(microseconds=86497)
    assert not reply.message.automatic


@pytest.mark.parametrize("user", [{}, {"[user_id]": "0"}])
def test_what_a_line_says_by_itself_is_automatic(user: dict[str, str]) -> None:
    said = message({**user, "[text]": "Мы скоро ответим"})
    reply = reply_in(told("ONIMCONNECTORMESSAGEADD", **OURS, **said))
    assert reply.message.automatic


def test_files_are_taken_by_their_signed_links() -> None:
    files = {
        "[user_id]": "27",
        "[files][0][name]": "price.pdf",
        "[files][0][type]": "file",
        "[files][0][mime]": "application/pdf",
        "[files][0][link]": "https://acme.bitrix24.ru/~AbCdE",
        "[files][0][downloadLink]": "https://acme.bitrix24.ru/pub/im.file.php?FILE_ID=1&SIGN=a",
        "[files][0][size]": "70855",
        "[files][1][name]": "photo.jpg",
        "[files][1][type]": "image",
        "[files][1][link]": "https://acme.bitrix24.ru/~AbCdF",
    }
    reply = reply_in(told("ONIMCONNECTORMESSAGEADD", **OURS, **message(files)))
    first, second = reply.message.attachments
    assert first.kind is AttachmentKind.FILE
    assert first.handle.endswith("SIGN=a")
    assert (first.title, first.mime, first.size_bytes) == ("price.pdf", "application/pdf", 70855)
    assert (second.kind, second.handle) == (
        AttachmentKind.IMAGE,
        "https://acme.bitrix24.ru/~AbCdF",
    )


def test_several_messages_of_one_event_are_several_parcels_in_order() -> None:
    first = message({"[text]": "раз"})
    second = message({"[text]": "два"}, "86498", at=1)
    told_both = parcels("ONIMCONNECTORMESSAGEADD", **OURS, **first, **second)
    assert [reply_in(reading_of(each)).message.text for each in told_both] == ["раз", "два"]
    earlier, later = (each.said_at for each in told_both)
    assert earlier is not None
    assert later == earlier + timedelta(microseconds=1)
    (alone,) = parcels("ONIMCONNECTORMESSAGEADD", **OURS, **message({"[text]": "x"}, "86498"))
    assert alone.key == told_both[1].key


def test_no_token_is_ever_stored() -> None:
    (parcel,) = parcels("ONIMCONNECTORMESSAGEADD", **OURS, **message({"[text]": "раз"}))
    assert b"TOKEN" not in parcel.body
    assert TOKEN.encode() not in parcel.body


def test_corrections_and_deletions_name_the_reply() -> None:
    origin = Origin("bitrix24", PORTAL, "1807:86497")
    edit = message({"[id][0]": "1807:86497", "[text]": "Заказ [i]7[/i]"})
    deletion = message({"[id]": "1807:86497"})
    (edited,) = told("ONIMCONNECTORMESSAGEUPDATE", **OURS, **edit).events
    assert isinstance(edited, MessageEdited)
    assert (edited.origin, edited.text, edited.edited_at) == (origin, "Заказ 7", SENT_AT)
    (deleted,) = told("ONIMCONNECTORMESSAGEDELETE", **OURS, **deletion).events
    assert deleted == MessageDeleted(origin=origin, deleted_at=SENT_AT)


@pytest.mark.parametrize(
    ("event", "fields", "meant"),
    [
        (
            "ONIMCONNECTORSTATUSDELETE",
            {"data[connector]": CONNECTOR, "data[line]": "107"},
            AccessRevoked(reason="bitrix24.line_disconnected", heals=True),
        ),
        (
            "ONIMCONNECTORLINEDELETE",
            {"data": "107"},
            AccessRevoked(reason="bitrix24.line_deleted", heals=True),
        ),
        (
            "ONAPPUNINSTALL",
            {"data[LANGUAGE_ID]": "ru", "data[CLEAN]": "1"},
            AccessRevoked(reason="bitrix24.uninstalled"),
        ),
        (
            "ONCRMCONTACTDELETE",
            {"data[FIELDS][ID]": "275"},
            RecordChanged(record="275", change="deleted"),
        ),
        ("ONCRMDEALDELETE", {"data[FIELDS][ID]": "7"}, DealChanged(deal="7", state="deleted")),
    ],
)
def test_what_became_of_the_portal_is_read(
    event: str, fields: dict[str, str], meant: object
) -> None:
    assert told(event, **fields).events == (meant,)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("ONIMCONNECTORMESSAGEADD", {**OURS, "data[LINE]": "108", **message({"[text]": "x"})}),
        ("ONIMCONNECTORMESSAGEADD", {**OURS, **message({})}),
        ("ONIMCONNECTORSTATUSDELETE", {"data[connector]": "other", "data[line]": "107"}),
        ("ONIMCONNECTORLINEDELETE", {"data": "108"}),
        ("ONIMCONNECTORDIALOGFINISH", {"data[DATA][0][session][id]": "323"}),
        ("ONCRMCONTACTDELETE", {"data[FIELDS][ID]": "x"}),
        ("ONAPPTEST", {}),
    ],
)
def test_what_is_not_ours_is_named_and_left(event: str, fields: dict[str, Any]) -> None:
    reading = told(event, **fields)
    assert reading.ignored
    assert not reading.events


def test_the_connectors_page_opens_in_a_frame_and_tells_nothing() -> None:
    received = ConnectionDoor(CONFIG).receive(Webhook(method="POST", tail="settings", body=b"x"))
    assert not received.parcels
    assert received.answer.content_type == "text/html; charset=utf-8"
