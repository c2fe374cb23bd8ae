"""Comments as answers: which are, whose, and how asking goes on; webhooks' addresses."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from crm_clients.bitrix24.asking import FORM, HISTORY_FORM, MOST_KNOWN, Round, moved
from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.media import fetch
from crm_clients.bitrix24.oauth import Config
from crm_clients.bitrix24.questions import ask_each
from crm_clients.bitrix24.reading import read
from crm_clients.bitrix24.rest import Rest
from crm_clients.bitrix24.told_by_comments import answer_in
from crm_clients.bitrix24.webhook import parse
from crm_clients.bitrix24.wire_timeline import Comment, CommentsRead, FoundComment
from mappers.vocabulary import (
    Arrival,
    Attachment,
    AttachmentKind,
    HistoryRead,
    HttpCall,
    HttpReply,
    OperatorReplied,
    Origin,
    ProviderError,
    Reading,
)
from tests.port import NOON

SECRET = "q1w2e3r4t5y6u7i8"
ADDRESS = f"https://acme.bitrix24.ru/rest/1/{SECRET}/"
CONFIG = Config.model_validate({"webhook": ADDRESS})
FILE = {"id": 1, "name": "план.png", "type": "image", "size": 43, "urlDownload": "https://x/1"}


def comment(text: str, **more: Any) -> Comment:
    row = {
        "ID": "999",
        "ENTITY_ID": "276",
        "ENTITY_TYPE": "contact",
        "CREATED": "2026-03-17T17:50:03+03:00",
        "COMMENT": text,
        "AUTHOR_ID": "27",
        **more,
    }
    return Comment.model_validate(row)


@pytest.mark.parametrize(
    ("text", "prefix", "answer"),
    [
        ("// Есть", "//", "Есть"),
        ("//Есть", "//", "Есть"),
        (" //  Есть две\nпары ", "//", "Есть две\nпары"),
        ("[p]// Есть[/p]", "//", "Есть"),
        ("[b]//[/b] Есть", "//", "Есть"),
        ("Ответ: есть", "ответ:", "есть"),
        (">> Есть", ">>", "Есть"),
        ("Есть", "//", None),
        ("//", "//", None),
        ("см. // внизу", "//", None),
        ("// Есть\n✓", "//", None),
        ("// Есть\n✗ Не дошло", "//", None),
        ("[b]Telegram · Нина[/b]\n// Есть?\n[size=8][color=#bbbbbb]#1[/color][/size]", "//", None),
    ],
)
def test_an_answer_begins_with_the_prefix_whatever_markup_is_around(
    text: str, prefix: str, answer: str | None
) -> None:
    said = answer_in(comment(text), prefix)
    assert (said.text if said else None) == answer


def test_the_systems_comments_answer_nobody() -> None:
    assert answer_in(comment("// Есть", AUTHOR_ID="0"), "//") is None


def test_formatting_moves_with_the_words() -> None:
    said = answer_in(comment("// [b]Есть[/b], [i]две[/i]"), "//")
    assert said is not None
    assert [said.text[span.start : span.end] for span in said.spans] == ["Есть", "две"]


def told(found: FoundComment) -> Reading:
    body = found.model_dump_json(by_alias=True).encode()
    return read(Arrival(body=body, form=FORM, received_at=NOON), CONFIG, "")


def test_an_answer_says_whose_card_it_lies_on_and_brings_its_files() -> None:
    said = comment("//", ENTITY_TYPE="deal", ENTITY_ID="7", FILES={"1": FILE})
    (reply,) = told(FoundComment(kind="deal", comment=said, contact="276")).events
    assert isinstance(reply, OperatorReplied)
    assert reply.message.origin == Origin("bitrix24", "acme.bitrix24.ru", "comment/999")
    assert (reply.record, reply.deal, reply.operator.user) == ("276", "7", "27")
    assert reply.message.text == ""
    assert [each.title for each in reply.message.attachments] == ["план.png"]


def test_what_is_no_answer_is_named() -> None:
    assert told(FoundComment(kind="contact", comment=comment("см."))).ignored


def test_a_history_ends_even_when_nobody_answered() -> None:
    page = CommentsRead(conversation="tg-1", comments=[])
    body = page.model_dump_json(by_alias=True).encode()
    reading = read(Arrival(body=body, form=HISTORY_FORM, received_at=NOON), CONFIG, "")
    assert reading.events == (HistoryRead(conversation="tg-1"),)


def test_a_round_goes_on_after_the_last_contact_and_begins_again_after_the_last_of_all() -> None:
    at = Round(began=NOON, since=NOON)
    full = [str(number) for number in range(1, 16)]
    later = NOON.replace(hour=13)
    on = moved(at, full, [], ["5"], later)
    assert (on.after, on.began, on.since, on.known) == (15, NOON, NOON, ["5"])
    again = moved(on, full[:3], ["3"], [], later)
    assert (again.after, again.began, again.since, again.hot) == (0, later, NOON, ["3"])


def test_what_is_remembered_of_answers_has_an_end() -> None:
    at = Round(began=NOON, since=NOON)
    many = [str(number) for number in range(MOST_KNOWN + 10)]
    assert moved(at, [], [], many, NOON).known == many[10:]


@pytest.mark.parametrize(
    ("address", "base"),
    [
        (ADDRESS, "https://acme.bitrix24.ru"),
        (f"  https://acme.bitrix24.ru/rest/1/{SECRET}/profile.json ", "https://acme.bitrix24.ru"),
        (f"https://portal.acme.ru/b24/rest/12/{SECRET}", "https://portal.acme.ru/b24"),
        (f"http://127.0.0.1:8090/acme/rest/1/{SECRET}/", "http://127.0.0.1:8090/acme"),
    ],
)
def test_a_webhooks_address_is_taken_apart(address: str, base: str) -> None:
    found = parse(address)
    assert found.base == base
    assert found.key.endswith(SECRET)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "address",
    [
        f"http://acme.bitrix24.ru/rest/1/{SECRET}/",
        f"https://user:word@acme.bitrix24.ru/rest/1/{SECRET}/",
        f"https://acme.bitrix24.ru/rest/1/{SECRET}/?x=1",
        f"https://acme.bitrix24.ru/rest/{SECRET}/",
        "https://acme.bitrix24.ru/",
        SECRET,
    ],
)
def test_what_is_no_webhook_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Config.model_validate({"webhook": SecretStr(address)})
    assert "incoming webhook" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_portal_has_one_way_in() -> None:
    tokens = {"access_token": "a", "refresh_token": "r", "member_id": "d" * 32}
    for values in (
        {"base": "https://acme.bitrix24.ru"},
        {"webhook": ADDRESS, **tokens},
        {"webhook": ADDRESS, "timeline": "lines"},
    ):
        with pytest.raises(ValidationError):
            Config.model_validate(values)


class OnePage:
    """Answers whatever is asked with one body."""

    def __init__(self, body: bytes, mime: str) -> None:
        self.reply = HttpReply(status=200, headers={"content-type": mime}, body=body)

    async def send(self, call: HttpCall) -> HttpReply:
        assert call.repeatable
        return self.reply

    def now(self) -> datetime:
        return NOON


async def test_a_page_that_asks_to_sign_in_is_no_file() -> None:
    page = OnePage(b"<html>Sign in", "text/html; charset=utf-8")
    shown = Attachment(
        kind=AttachmentKind.FILE, handle="https://acme.bitrix24.ru/disk/1", title="прайс.pdf"
    )
    with pytest.raises(ProviderError) as refused:
        await fetch(shown, CONFIG, page, 1000)
    assert refused.value.failure.code == "bitrix24.no_such_file"
    fetched = await fetch(replace(shown, title="письмо.HTML"), CONFIG, page, 1000)
    assert fetched.body == b"<html>Sign in"


REFUSED: dict[str, Any] = {"error": "", "error_description": "Access denied."}
GONE: dict[str, Any] = {"error": "OWNER_NOT_FOUND", "error_description": "Владелец не найден"}
LIMITED: dict[str, Any] = {"error": "OPERATION_TIME_LIMIT", "error_description": "Blocked"}


@pytest.mark.parametrize(
    ("refusal", "skips", "kind"),
    [
        (GONE, False, ""),
        (REFUSED, False, "permanent"),
        (REFUSED, True, ""),
        (LIMITED, True, "rate_limited"),
        ("nonsense", True, "transient"),
    ],
)
async def test_what_is_not_there_is_none_and_any_other_refusal_is_one(
    refusal: Any, skips: bool, kind: str
) -> None:
    told = {"result": {"result": {"c1": [1]}, "result_error": {"c0": refusal}}}
    rest = Rest(CONFIG, None, OnePage(json.dumps(told).encode(), "application/json"))
    questions = [Command("crm.deal.get", {"id": 1}), Command("crm.deal.list")]
    if not kind:
        assert await ask_each(rest, questions, skips_refused=skips) == (None, [1])
        return
    with pytest.raises(ProviderError) as refused:
        await ask_each(rest, questions, skips_refused=skips)
    assert refused.value.failure.kind == kind


async def test_an_answer_of_a_batch_that_leaves_one_out_is_not_read() -> None:
    told = {"result": {"result": {"c1": [1]}, "result_error": []}}
    rest = Rest(CONFIG, None, OnePage(json.dumps(told).encode(), "application/json"))
    with pytest.raises(ProviderError) as refused:
        await ask_each(rest, [Command("a"), Command("b")])
    assert refused.value.failure.kind == "transient"
