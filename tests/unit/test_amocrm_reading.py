"""What amoCRM tells us, read: the samples of its documentation and of public logs."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from crm_clients.amocrm.doors import ConnectionDoor
from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.reading import read
from crm_clients.amocrm.told_by_account import read_account
from crm_clients.amocrm.told_by_chats import read_chat
from crm_clients.forms import parse_form
from mappers.vocabulary import (
    AccessRevoked,
    Arrival,
    Attachment,
    AttachmentKind,
    Button,
    DealChanged,
    Event,
    HistoryRead,
    MalformedWebhook,
    Message,
    OperatorReplied,
    Origin,
    Quote,
    ReactionChanged,
    Reading,
    RecordChanged,
    Webhook,
)
from tests.port import NOON

ACCOUNT = "52e591f7-c98f-4255-8495-827210138c81"
CHAT = "6cbab3d5-c4c1-46ff-b710-ad59ad10805f"
OLGA = "76fc2bea-902f-425c-9a3d-dcdac4766090"
REPLY = "0371a0ff-b78a-4c7b-8538-a7d547e10692"
CONFIG = Config.model_validate(
    {
        "base": "https://acme.amocrm.ru",
        "account_id": "28805383",
        "amojo_id": ACCOUNT,
        "access_token": "REDACTED",
    }
)


def said(**content: Any) -> dict[str, Any]:
    """The documented hook of an operator's message, with another `message.message`."""
    blank = {"id": REPLY, "type": "text", "text": "", "markup": None, "tag": "", "media": ""}
    return {
        "account_id": ACCOUNT,
        "time": 1751622301,
        "message": {
            "receiver": {
                "id": "86a0caef-41ec-49ac-814b-b27da2cea267",
                "phone": "79151112233",
                "email": "",
                "client_id": "tg-user-100500",
            },
            "sender": {"id": OLGA},
            "conversation": {"id": CHAT, "client_id": "tg-100500"},
            "source": {"external_id": "tg-bot-sales"},
            "timestamp": 1751622300,
            "msec_timestamp": 1751622300980,
            "message": {**blank, "file_name": "", "file_size": 0, **content},
        },
    }


def message_in(reading: Reading) -> Message:
    (event,) = reading.events
    assert isinstance(event, OperatorReplied)
    return event.message


def test_a_reply_names_both_sides_of_the_conversation() -> None:
    (event,) = read_chat(said(text="Курьер выехал"), ACCOUNT).events
    assert isinstance(event, OperatorReplied)
    assert (event.ours, event.operator.id, event.recovered) == ("tg-100500", OLGA, False)
    assert event.message.origin == Origin("amocrm", ACCOUNT, REPLY)
    assert event.message.conversation == CHAT
    assert event.message.text == "Курьер выехал"
    assert event.message.sent_at == datetime(2025, 7, 4, 9, 45, 0, 980000, tzinfo=UTC)


def test_an_operator_who_writes_first_names_no_conversation_of_ours() -> None:
    hook = said(text="Здравствуйте")
    del hook["message"]["conversation"]["client_id"]
    (event,) = read_chat(hook, ACCOUNT).events
    assert isinstance(event, OperatorReplied)
    assert event.ours == ""


def test_a_picture_with_buttons_keeps_every_word() -> None:
    media = "https://amojo.amocrm.ru/attachments/image.jpg"
    buttons = [[{"text": "Принять"}, {"text": "Сайт", "url": "https://example.com"}]]
    hook = said(
        type="picture",
        text="Сделка #15926745",
        media=media,
        markup={"mode": "inline", "buttons": buttons},
        template={"id": 7103, "content": "Сделка #{{lead.id}}", "params": []},
    )
    message = message_in(read_chat(hook, ACCOUNT))
    assert message.text == "Сделка #15926745"
    assert message.buttons == (
        (Button(label="Принять"), Button(label="Сайт", url="https://example.com")),
    )
    assert message.attachments == (Attachment(kind=AttachmentKind.IMAGE, handle=media),)


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ([[{"text": "Да"}], [{"text": "Нет"}]], ((Button(label="Да"),), (Button(label="Нет"),))),
        ([[{"text": "Звонок", "url": "tel:+7"}]], ((Button(label="Звонок: tel:+7"),),)),
        ([[{"text": " "}, {"url": "https://x"}, 7], 7, []], ()),
    ],
)
def test_buttons_are_read_as_far_as_they_can_be_shown(rows: Any, read: Any) -> None:
    markup = {"mode": "inline", "buttons": rows}
    assert message_in(read_chat(said(text="Берёте?", markup=markup), ACCOUNT)).buttons == read


def test_choices_with_nothing_to_stand_under_are_words() -> None:
    markup = {"mode": "inline", "buttons": [[{"text": "Да"}, {"text": "Нет"}]]}
    message = message_in(read_chat(said(text="", markup=markup), ACCOUNT))
    assert (message.text, message.buttons) == ("Да\nНет", ())


@pytest.mark.parametrize(("text", "read"), [("", "Сделка #7"), ("Иначе", "Иначе")])
def test_the_text_of_a_template_is_what_is_said(text: str, read: str) -> None:
    params = [{"key": "{{lead.id}}", "value": "7"}]
    template = {"id": 7103, "content": "Сделка #{{lead.id}}", "params": params}
    assert message_in(read_chat(said(text=text, template=template), ACCOUNT)).text == read


@pytest.mark.parametrize(
    ("content", "kind", "title"),
    [
        ({"type": "file", "media": "https://x/1", "file_name": "1.pdf"}, "file", "1.pdf"),
        ({"type": "voice", "media": "https://x/2"}, "voice", ""),
        ({"type": "sticker"}, "sticker", ""),
        ({"type": "location", "location": {"lon": 37.6, "lat": 55.7}}, "location", "55.7, 37.6"),
        ({"type": "location", "location": {"lon": "nowhere"}}, "location", ""),
        ({"type": "contact", "contact": {"name": "Мария", "phone": "+7"}}, "contact", "Мария +7"),
        ({"type": "hologram"}, "other", "hologram"),
    ],
)
def test_what_is_shown_gets_an_honest_line(content: dict[str, Any], kind: str, title: str) -> None:
    (shown,) = message_in(read_chat(said(**content), ACCOUNT)).attachments
    assert (shown.kind, shown.title) == (kind, title)


def test_a_quote_names_what_it_answers() -> None:
    quoted = {"message": {"id": "8f1176d7", "msgid": "entry-1", "text": "Когда?"}}
    message = message_in(read_chat(said(text="Завтра", reply_to=quoted), ACCOUNT))
    assert message.quote == Quote(origin=Origin("amocrm", ACCOUNT, "8f1176d7"), text="Когда?")


def test_a_broken_extra_does_not_stop_a_reply() -> None:
    hook = said(text="Завтра", reply_to="?", file_size="many", markup={"buttons": 7}, location=[])
    message = message_in(read_chat(hook, ACCOUNT))
    assert (message.text, message.quote) == ("Завтра", None)


def test_what_a_database_would_refuse_is_replaced() -> None:
    hook = json.loads(json.dumps(said(text="a\x00b")).replace("b", "b\\ud800"))
    assert message_in(read_chat(hook, ACCOUNT)).text == "a\ufffdb\ufffd"


@pytest.mark.parametrize("where", [{"msgid": "cd05887d"}, {"message": {"id": "cd05887d"}}])
def test_a_reaction_is_read_in_both_documented_shapes(where: dict[str, Any]) -> None:
    reaction = {**where, "user": {"id": OLGA}, "type": "react", "emoji": "😍"}
    hook = {"account_id": ACCOUNT, "time": 1751622320, "action": {"reaction": reaction}}
    (event,) = read_chat(hook, ACCOUNT).events
    assert isinstance(event, ReactionChanged)
    assert (event.origin.message, event.emoji, event.author) == ("cd05887d", "😍", OLGA)
    reaction["type"] = "unreact"
    (taken_back,) = read_chat(hook, ACCOUNT).events
    assert isinstance(taken_back, ReactionChanged)
    assert taken_back.emoji == ""


@pytest.mark.parametrize(
    ("hook", "name"),
    [
        ({"action": {"typing": {"user": {"id": OLGA}}}}, "chat.unreadable_typing"),
        ({"action": {}}, "chat.unknown"),
        ({"receiver": "x", "conversation_id": "y", "type": "text"}, "chat.unknown"),
        (said(), "chat.empty_message"),
        ({"message": {"message": {"id": "1"}}}, "chat.message_without_conversation"),
    ],
)
def test_what_is_not_relayed_is_named(hook: dict[str, Any], name: str) -> None:
    assert read_chat(hook, ACCOUNT) == Reading(ignored=(name,))


def history(*, since: int = 0, is_last: bool = True, **more: Any) -> Arrival:
    """The documented page of history: an operator's reply above a customer's question."""
    customer = {"id": "86a0caef", "client_id": "tg-user-100500", "name": "Пётр Клиент"}
    page = [
        {
            "timestamp": 1751622300,
            "msec_timestamp": 1751622300980,
            "sender": {"id": OLGA, "name": "Ольга Менеджер"},
            "receiver": customer,
            "message": {"id": REPLY, "type": "text", "text": "Курьер выехал", "file_size": 0},
        },
        {
            "timestamp": 1751622200,
            "sender": {"id": OLGA, "name": "Ольга Менеджер"},
            "receiver": customer,
            "message": {"id": "2", "type": "text", "text": "Минуту"},
        },
        {
            "timestamp": 1751622150,
            "sender": {"id": OLGA},
            "receiver": customer,
            "message": {"id": "3", "client_id": "entry-0", "type": "text", "text": "с телефона"},
        },
        {
            "timestamp": 1751622000,
            "sender": customer,
            "message": {"id": "8f1176d7", "client_id": "entry-1", "type": "text", "text": "Когда?"},
        },
    ]
    told = {"conversation": CHAT, "ours": "tg-100500", "since_ms": since, "is_last": is_last}
    body = json.dumps({**told, "messages": page, **more}).encode()
    return Arrival(body=body, form="history", received_at=NOON)


def texts(events: tuple[Event, ...]) -> list[str]:
    return [event.message.text for event in events if isinstance(event, OperatorReplied)]


def test_history_tells_what_operators_said_oldest_first() -> None:
    reading = read(history(), CONFIG)
    assert texts(reading.events) == ["Минуту", "Курьер выехал"]
    assert reading.events[-1] == HistoryRead(conversation=CHAT)
    hooked = message_in(read_chat(said(text="Курьер выехал"), ACCOUNT))
    recovered = reading.events[1]
    assert isinstance(recovered, OperatorReplied)
    assert recovered.recovered
    assert recovered.message == hooked


def test_history_before_the_question_is_not_told_again() -> None:
    assert texts(read(history(since=1751622250_000), CONFIG).events) == ["Курьер выехал"]


def test_history_that_goes_on_does_not_say_that_it_ended() -> None:
    assert len(read(history(is_last=False), CONFIG).events) == 2


def test_a_message_of_history_that_nobody_can_read_is_named() -> None:
    reading = read(history(messages=[{"message": {}}, 7]), CONFIG)
    assert reading.ignored == ("history.unreadable_message",) * 2
    assert reading.events == (HistoryRead(conversation=CHAT),)


CONTACT_UPDATED = {
    "contacts[update][0][id]": "40401635",
    "contacts[update][0][name]": "Пётр Клиент",
    "contacts[update][0][last_modified]": "1751622500",
    "contacts[update][0][custom_fields][0][id]": "575809",
    "contacts[update][0][custom_fields][0][values][0][value]": "+79151112233",
    "contacts[update][0][linked_leads_id][10185151][ID]": "10185151",
    "contacts[update][0][type]": "contact",
}


def moved_to(status: str) -> dict[str, str]:
    return {"leads[status][0][id]": "10185151", "leads[status][0][status_id]": status}


WON = moved_to("142")
INCOMING = {"[id]": "8f1176d7", "[chat_id]": CHAT, "[text]": "Когда?", "[type]": "incoming"}


@pytest.mark.parametrize(
    ("form", "events"),
    [
        (CONTACT_UPDATED, [RecordChanged(record="40401635", change="updated")]),
        (
            {"contacts[delete][0][id]": "1", "contacts[delete][0][type]": "contact"},
            [RecordChanged(record="1", change="deleted")],
        ),
        ({"contacts[restore][0][id]": "1"}, [RecordChanged(record="1", change="restored")]),
        (WON, [DealChanged(deal="10185151", state="won")]),
        (moved_to("143"), [DealChanged(deal="10185151", state="lost")]),
        (moved_to("9"), [DealChanged(deal="10185151", state="open")]),
        ({"leads[delete][0][id]": "7"}, [DealChanged(deal="7", state="deleted")]),
        (
            {"contacts[delete][0][id]": "1", "contacts[update][0][id]": "2", **WON},
            [
                RecordChanged(record="1", change="deleted"),
                RecordChanged(record="2", change="updated"),
                DealChanged(deal="10185151", state="won"),
            ],
        ),
    ],
)
def test_an_account_tells_what_became_of_its_cards(
    form: dict[str, str], events: list[Event]
) -> None:
    ours = {"account[id]": "28805383", "account[_links][self]": "https://acme.amocrm.ru"}
    reading = read_account(parse_form(urlencode({**form, **ours}).encode()), CONFIG)
    assert list(reading.events) == events
    assert reading.ignored == ()


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({f"message[add][0]{key}": value for key, value in INCOMING.items()}, "message.add"),
        ({f"add[0]{key}": value for key, value in INCOMING.items()}, "message.add"),
        ({"add[0][type]": "waba", "add[0][reviews]": ""}, "template_review.add"),
        ({"outgoing_message[add][0][id]": "0371a0ff"}, "outgoing_message.add"),
        ({"talk[update][0][talk_id]": "117", "talk[update][0][is_read]": "1"}, "talk.update"),
        ({"leads[note][0][note][id]": "76787983"}, "leads.note"),
        ({"unsorted[delete][0][action]": "accept"}, "unsorted.delete"),
        ({"task[update][0][0][id]": "1"}, "task.update"),
        ({"leads[add][0][id]": "1"}, "leads.add"),
        ({"contacts[add][0][id]": "1"}, "contacts.add"),
        (
            {"contacts[delete][0][id]": "1", "contacts[delete][0][type]": "company"},
            "companies.delete",
        ),
        ({"contacts[delete][0][id]": "не число"}, "contacts.delete"),
        ({"Новость[дня][0][id]": "1"}, "unknown"),
    ],
)
def test_what_else_an_account_tells_is_named(form: dict[str, str], name: str) -> None:
    reading = read_account(parse_form(urlencode(form).encode()), CONFIG)
    assert reading == Reading(ignored=(f"account.{name}",))


def test_a_removal_is_told() -> None:
    arrival = Arrival(body=b'{"account_id":"28805383"}', form="uninstall", received_at=NOON)
    assert read(arrival, CONFIG).events == (AccessRevoked(reason="amocrm.uninstalled"),)


class TestForms:
    def test_brackets_unfold(self) -> None:
        body = urlencode({"a[b][0][c]": "1", "a[b][1][c]": "2", "d[]": "3", "e": ""}).encode()
        unfolded = parse_form(body + b"&d%5B%5D=4")
        assert unfolded == {
            "a": {"b": {"0": {"c": "1"}, "1": {"c": "2"}}},
            "d": {"0": "3", "1": "4"},
            "e": "",
        }

    def test_a_value_gives_way_to_what_is_nested_under_its_name(self) -> None:
        assert parse_form(b"a=1&a[b]=2") == {"a": {"b": "2"}}

    @pytest.mark.parametrize(
        "body",
        [
            b"a" + b"[0]" * 10_000 + b"=1",
            b"&".join(b"a%d=1" % number for number in range(20_001)),
            b"\xff\xfe=1",
        ],
    )
    def test_what_amocrm_never_sends_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedWebhook) as caught:
            parse_form(body)
        assert len(str(caught.value)) < 100

    @pytest.mark.parametrize(
        "body", [b"", b"\0", b"account[id]=28805383", b"%00", b"a=1", b"a[b]=1", b"a[b][0]=1"]
    )
    def test_a_form_that_tells_of_nothing_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedWebhook):
            ConnectionDoor(CONFIG).receive(Webhook(method="POST", body=body))

    def test_a_renamed_account_is_known_by_its_number(self) -> None:
        body = b"leads[delete][0][id]=7&account[subdomain]=new&account[id]=28805383"
        assert ConnectionDoor(CONFIG).receive(Webhook(method="POST", body=body)).parcels

    def test_a_repeat_has_its_key_and_a_later_change_another(self) -> None:
        door = ConnectionDoor(CONFIG)

        def key(when: str) -> str:
            form = {**CONTACT_UPDATED, "contacts[update][0][last_modified]": when}
            hook = Webhook(method="POST", body=urlencode(form).encode())
            return door.receive(hook).parcels[0].key

        assert key("1751622500") == key("1751622500") != key("1751622501")
        assert key("1751622500").startswith("contacts.update.40401635.1751622500:")
