"""Notes as answers and as messages: how they read, which are answers, and how asking goes on."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_clients.hubspot.bodies import body_of, link, said_in, with_mark, words_in
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.polling import (
    CLOCKS_DIFFER_BY,
    OVERLAP_MS,
    Cursor,
    meant,
    moved,
    read_cursor,
    stamp_of,
)
from crm_clients.hubspot.reading import NOTE, NOTES, read
from crm_clients.hubspot.timeline import moment_in, stamp
from crm_clients.hubspot.told_by_notes import answer_in
from crm_clients.hubspot.wire import CrmObject
from crm_clients.on_cards import SENT_MARK, mark_of
from mappers.vocabulary import (
    Arrival,
    AttachmentKind,
    HistoryRead,
    MalformedWebhook,
    OpenedConversation,
    OperatorReplied,
    Origin,
    Reading,
    Status,
    StatusReport,
)
from tests.conformance.bench import json_values
from tests.port import NOON

CONFIG = Config.model_validate(
    {"portal_id": "4411", "access_token": "hush", "timeline": "cards", "case": "deals"}
)
HERE = OpenedConversation(id="tg-1", user="100452")
AT = "2026-11-21T16:03:10.250Z"


def note(body: str, **more: str) -> CrmObject:
    properties = {"hs_note_body": body, "hs_createdate": AT, "hs_lastmodifieddate": AT, **more}
    return CrmObject.model_validate({"id": "901", "properties": properties})


def found(body: str, **more: Any) -> dict[str, Any]:
    return {"note": json.loads(note(body).model_dump_json(by_alias=True)), "contact": "5", **more}


def told(form: str, value: Any) -> Reading:
    body = json.dumps(value).encode()
    return read(Arrival(body=body, form=form, received_at=NOON), CONFIG)


def report(status: Status, words: str = "") -> StatusReport:
    return StatusReport(reply="notes/901", conversation=HERE, status=status, words=words)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("// Есть", "Есть"),
        ("//Есть", "Есть"),
        ("<p>// Есть две</p><p>пары </p>", "Есть две\nпары"),
        ("<div><p>  <strong>// Есть</strong> две</p></div>", "Есть две"),
        ("// Есть\nдве", "Есть\nдве"),
        ("// 1 &lt; 2", "1 < 2"),
        ("Есть", None),
        ("<p>/ Есть</p>", None),
        ("<p>//</p>", None),
        ("<p>см. // внизу</p>", None),
        ("<p>// Есть</p><p>✓</p>", None),
        ("<p>// Есть</p><p>✗ Не дошло</p>", None),
        ("<p>// Есть ✓</p>", "Есть ✓"),
        ("<p>// список:</p><p>✓ диван</p><p>и всё</p>", "список:\n✓ диван\nи всё"),
    ],
)
def test_an_answer_begins_with_the_prefix_and_was_not_dealt_with(
    body: str, answer: str | None
) -> None:
    said = answer_in(note(body), "//")
    assert (said.text if said else None) == answer


def test_a_file_alone_is_an_answer() -> None:
    said = answer_in(note("<p>//</p>", hs_attachment_ids="7;8"), "//")
    assert said is not None
    assert said.text == ""


def test_formatting_of_an_answer_is_counted_from_behind_the_prefix() -> None:
    said = answer_in(note("<p><b>// Есть</b> две</p>"), "//")
    assert said is not None
    assert [(each.start, each.end) for each in said.spans] == [(0, 4)]


def test_an_answer_says_whose_card_it_lies_on_and_who_wrote_it() -> None:
    who = {"hubspot_owner_id": "7001", "hs_object_source_user_id": "2001"}
    page = found("<p>// Завтра</p>")
    page["note"]["properties"] |= who
    page["files"] = [{"id": 7, "name": "план", "extension": "png", "type": "IMG", "size": 43}]
    (reply,) = told(NOTE, page).events
    assert isinstance(reply, OperatorReplied)
    assert reply.message.origin == Origin("hubspot", "4411", "notes/901")
    assert (reply.record, reply.deal, reply.message.text) == ("5", "", "Завтра")
    assert (reply.operator.id, reply.operator.user) == ("A-2001", "7001")
    assert stamp(reply.message.sent_at) == AT
    (file,) = reply.message.attachments
    assert (file.kind, file.title, file.size_bytes) == (AttachmentKind.IMAGE, "план.png", 43)


def test_what_is_nobodys_answer_is_named() -> None:
    assert told(NOTE, found("Перезвонить")).ignored == ("note.internal",)
    nobodys = told(NOTE, {**found("// Кому?"), "contact": ""})
    assert nobodys.ignored == ("note.of_nobody_in_particular",)


@given(value=json_values(), form=st.sampled_from([NOTE, NOTES]))
def test_reading_anything_ends_in_a_reading_or_a_refusal(value: object, form: str) -> None:
    for page in (value, found("// Да", files=value), {**found("// Да"), "note": value}):
        with suppress(ValueError, MalformedWebhook):
            assert isinstance(told(form, page), Reading)


def test_a_history_is_answers_and_its_end() -> None:
    page = {"conversation": "tg-1", "notes": [found("// Раз"), found("два"), found("// Три")]}
    *replies, end = told(NOTES, page).events
    said = [each.message.text for each in replies if isinstance(each, OperatorReplied)]
    assert said == ["Раз", "Три"]
    assert end == HistoryRead(conversation="tg-1")


def test_of_several_contacts_the_deal_says_who_is_meant() -> None:
    assert meant(["5"], ["8", "9"]) == {"contact": "5"}
    assert meant(["5", "6"], ["8"]) == {"deal": "8"}
    assert meant([], ["8"]) == {"deal": "8"}
    assert meant(["5", "6"], ["8", "9"]) == {}
    assert meant([], []) == {}


class TestMarks:
    @pytest.mark.parametrize(
        "body",
        [
            "// Завтра\nв <десять",
            "<p>// Завтра</p><p>в &lt;десять</p>",
            '<div dir="auto"><p>// Завтра</p><p>в &lt;десять</p></div>',
        ],
    )
    def test_the_last_mark_stands_and_the_words_before_it_stay(self, body: str) -> None:
        sent = with_mark(body, report(Status.SENT))
        assert said_in(sent).text == "// Завтра\nв <десять\n✓"
        failed = with_mark(sent, report(Status.FAILED, "Не дошло:\nномер <занят>"))
        assert said_in(failed).text == "// Завтра\nв <десять\n✗ Не дошло: номер <занят>"
        assert said_in(with_mark(failed, report(Status.SENT))).text == said_in(sent).text
        assert with_mark(failed, report(Status.FAILED, "Не дошло: номер <занят>")) == failed

    def test_a_mark_that_the_editor_wrapped_is_not_said_twice(self) -> None:
        wrapped = '<div><p>// Завтра</p><p style="">✓</p></div>'
        assert with_mark(wrapped, report(Status.SENT)) == wrapped
        failed = with_mark(wrapped, report(Status.FAILED, "Не дошло"))
        assert SENT_MARK not in said_in(failed).text


class TestBodies:
    def test_a_message_reads_as_a_title_its_words_and_a_small_mark(self) -> None:
        body = body_of("Telegram · Пётр <b>", ["Да", link("https://x.example/?a=1&b", "c&t")], "k")
        said = said_in(body)
        assert said.text == f"Telegram · Пётр <b>\nДа\nc&t\n{mark_of('k')}"
        assert [each.url for each in said.spans if each.url] == ["https://x.example/?a=1&b"]
        assert words_in(body) == "Да\nc&t"
        assert words_in(body_of("Telegram", ["Да", "нет"], "")) == "Да\nнет"

    def test_anybodys_note_is_quoted_without_what_we_said_of_it(self) -> None:
        assert words_in("<p>// Сорок два</p><p>✓</p>") == "// Сорок два"

    @given(st.text())
    def test_whatever_stands_in_a_body_is_read(self, body: str) -> None:
        said = said_in(body)
        assert all(0 <= each.start < each.end <= len(said.text) for each in said.spans)
        assert said_in(with_mark(body, report(Status.SENT))).text.endswith(SENT_MARK)


class TestCursor:
    def test_nonsense_begins_now(self) -> None:
        begun = int((NOON - CLOCKS_DIFFER_BY).timestamp() * 1000)
        for cursor in ("", "[]", '{"since": "x"}'):
            assert read_cursor(cursor, NOON) == Cursor(since=begun)

    def test_asking_begins_again_a_while_before_the_newest(self) -> None:
        each = note("// Да")
        ms = int(stamp_of(each).partition("@")[2])
        begun = Cursor(since=ms - 2 * OVERLAP_MS, known=[f"5@{ms - 2 * OVERLAP_MS}"])
        at = moved(begun, [each], [each], is_all=True)
        assert at == Cursor(since=ms - OVERLAP_MS, known=[stamp_of(each)])
        assert moved(at, [], [], is_all=True) == at

    def test_a_crowd_is_gone_on_with_where_it_was_left_and_the_while_is_kept(self) -> None:
        """What the index shows late is looked for however much came meanwhile."""
        each = note("// Да")
        ms = int(stamp_of(each).partition("@")[2])
        left = moved(Cursor(since=5), [each], [each], is_all=False)
        assert left == Cursor(since=5, at=ms, known=[stamp_of(each)])
        assert moved(left, [], [], is_all=False).at == ms + 1
        over = moved(left, [each], [], is_all=True)
        assert over == Cursor(since=ms - OVERLAP_MS, known=[stamp_of(each)])

    @pytest.mark.parametrize("told", ["2026-11-21T16:03:10.250Z", "1795276990250"])
    def test_a_moment_is_told_in_two_ways(self, told: str) -> None:
        moment = moment_in(told)
        assert moment is not None
        assert stamp(moment) == AT

    @pytest.mark.parametrize("told", ["", "вчера", "2026-11-21T16:03:10", "9" * 40])
    def test_what_is_no_moment_is_none(self, told: str) -> None:
        assert moment_in(told) is None
