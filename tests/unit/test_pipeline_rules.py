"""What must happen to an event: what a CRM lacks, which lane it waits in, which parts it takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from channel_clients.contract import Can, TextUnit
from mappers.text import timeline_text
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Button,
    Confidence,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Direction,
    Identity,
    IdentityKind,
    Message,
    MessageId,
    OpenedConversation,
    Origin,
    Person,
)
from middleware.pipeline import rules
from middleware.pipeline.rules import DEAL_IS_FRESH, Known, Needs
from middleware.store.duties import Owed
from middleware.store.policy import Policy
from middleware.store.rows import DealRow, LinkRow, OpenedRow

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOMEBODY = UUID(int=7)
HUB, CRM, NEVER = (
    Policy(deal_owner="hub"),
    Policy(deal_owner="crm"),
    Policy(deal_policy="never"),
)
LINK = LinkRow(record="11", live=True, evidence="hub.created")
DROPPED = LinkRow(record="11", live=False, evidence="hub.created")
DEAL = DealRow(deal="21", record="11", state="open", seen_at=NOON)
STALE = DealRow(deal="21", record="11", state="open", seen_at=NOON - DEAL_IS_FRESH)
ELSEWHERE = DealRow(deal="21", record="12", state="open", seen_at=NOON)
OPENED = OpenedRow(
    opened=OpenedConversation(id="31"), ours="tl-1", record="11", opened_at=NOON - DEAL_IS_FRESH
)
TIED_TO_ANOTHER = OpenedRow(
    opened=OpenedConversation(id="31"), ours="tl-1", record="12", opened_at=NOON
)


def said(text: str, *attachments: Attachment) -> Message:
    return Message(
        origin=Origin("any", "1", "1"),
        conversation="7",
        author="7",
        direction=Direction.OUTBOUND,
        sent_at=NOON,
        text=text,
        attachments=attachments,
    )


@pytest.mark.parametrize(
    ("pilot", "carried"),
    [
        ((), True),
        (("+79990001122",), True),
        (("@nina",), True),
        (("telegram:1001", "@petr"), True),
        (("@petr", "+79990001123"), False),
        (("nina@shop.example",), False),
        (("@",), False),
    ],
)
def test_a_pilot_knows_its_customers_by_what_is_sure(
    pilot: tuple[str, ...], *, carried: bool
) -> None:
    person = Person(
        identities=(
            Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:1001", evidence="e"),
            Identity(kind=IdentityKind.PHONE, value="+79990001122", evidence="e"),
            Identity(
                kind=IdentityKind.EMAIL,
                value="nina@shop.example",
                evidence="e",
                confidence=Confidence.WEAK,
            ),
        ),
        username="Nina",
    )
    assert rules.is_in_pilot(pilot, person) is carried


@pytest.mark.parametrize(
    ("policy", "link", "deal", "opened", "lacking"),
    [
        (HUB, None, None, None, "contact deal opening"),
        (HUB, LINK, None, None, "deal opening"),
        (HUB, LINK, DEAL, None, "opening"),
        (HUB, LINK, DEAL, OPENED, ""),
        (HUB, LINK, STALE, OPENED, "deal"),
        (HUB, LINK, ELSEWHERE, OPENED, "deal"),
        (HUB, LINK, DEAL, TIED_TO_ANOTHER, "opening"),
        (HUB, DROPPED, DEAL, OPENED, "contact deal opening"),
        (HUB, None, DEAL, OPENED, "contact deal opening"),
        (CRM, LINK, None, OPENED, ""),
        (CRM, None, None, None, "contact opening"),
        (NEVER, LINK, None, OPENED, ""),
        (NEVER, DROPPED, None, OPENED, "contact opening"),
    ],
)
def test_a_crm_is_given_what_it_lacks_and_no_more(
    policy: Policy,
    link: LinkRow | None,
    deal: DealRow | None,
    opened: OpenedRow | None,
    lacking: str,
) -> None:
    known = Known(link=link, deal=deal, opened=opened)
    assert rules.needs(policy, known, NOON) == Needs(
        contact="contact" in lacking, deal="deal" in lacking, opening="opening" in lacking
    )


def test_a_dry_route_wants_nothing_made() -> None:
    nobody = Known(link=None, deal=None, opened=None)
    assert rules.needs(Policy(dry_run=True), nobody, NOON).before(DeliveryKind.WRITE) == ()
    assert not rules.adopts_deal(Policy(deal_owner="crm", dry_run=True), None)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (DeliveryKind.ENSURE_CONTACT, ()),
        (DeliveryKind.ENSURE_DEAL, (DeliveryKind.ENSURE_CONTACT,)),
        (
            DeliveryKind.WRITE,
            (
                DeliveryKind.ENSURE_CONTACT,
                DeliveryKind.ENSURE_DEAL,
                DeliveryKind.OPEN_CONVERSATION,
            ),
        ),
    ],
)
def test_what_is_lacking_is_made_in_order_and_only_before_what_needs_it(
    kind: DeliveryKind, first: tuple[DeliveryKind, ...]
) -> None:
    lacking = Needs(contact=True, deal=True, opening=True)
    assert lacking.before(kind) == first


@pytest.mark.parametrize(
    ("policy", "deal", "adopts"),
    [(CRM, None, True), (CRM, DEAL, False), (HUB, None, False), (NEVER, None, False)],
)
def test_a_deal_of_the_crms_own_making_is_expected_once(
    policy: Policy, deal: DealRow | None, *, adopts: bool
) -> None:
    assert rules.adopts_deal(policy, deal) is adopts


def test_no_deal_is_expected_where_none_is_wanted() -> None:
    assert not rules.adopts_deal(Policy(deal_owner="crm", deal_policy="never"), None)


def test_everything_that_must_not_overtake_has_a_lane_and_the_rest_has_its_own() -> None:
    lanes = [
        rules.thread_lane(ContactId(SOMEBODY)),
        rules.conversation_lane(ConversationId(SOMEBODY)),
        rules.message_lane(MessageId(SOMEBODY)),
        rules.history_lane(ConversationId(SOMEBODY)),
        rules.prerequisite_lane(DeliveryKind.ENSURE_CONTACT, SOMEBODY),
        rules.prerequisite_lane(DeliveryKind.ENSURE_DEAL, SOMEBODY),
        rules.prerequisite_lane(DeliveryKind.OPEN_CONVERSATION, SOMEBODY),
    ]
    assert lanes == [
        f"thread:{SOMEBODY}",
        f"conversation:{SOMEBODY}",
        f"message:{SOMEBODY}",
        f"history:{SOMEBODY}",
        f"ensure_contact:{SOMEBODY}",
        f"ensure_deal:{SOMEBODY}",
        f"open_conversation:{SOMEBODY}",
    ]


@pytest.mark.parametrize(
    ("message", "limit", "unit", "parts"),
    [
        (said("коротко"), 10, "code_points", [(0, 7)]),
        (said("раз два три"), 8, "code_points", [(0, 8), (8, 11)]),
        (said("\U0001f600\U0001f600"), 2, "utf16", [(0, 1), (1, 2)]),
        (said("", Attachment(kind=AttachmentKind.IMAGE)), 4, "code_points", [(0, 4), (4, 6)]),
    ],
)
def test_a_reply_takes_as_many_calls_as_its_whole_text_needs(
    message: Message, limit: int, unit: TextUnit, parts: list[tuple[int, int]]
) -> None:
    can = Can(text_limit=limit, text_unit=unit)
    cut = rules.reply_parts(message, can, "ru")
    assert [(part.text.start, part.text.end) for part in cut] == parts


PHOTO = Attachment(kind=AttachmentKind.IMAGE, handle="h")
PAPER = Attachment(kind=AttachmentKind.FILE, handle="h")


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (said("вот", PHOTO), [("вот", (0,))]),
        (said("", PHOTO), [("", (0,))]),
        (said("слишком длинно", PHOTO), [("слишком ", ()), ("длинно", ()), ("", (0,))]),
        (said("вот", PHOTO, PHOTO, PHOTO, PAPER), [("вот", (0, 1)), ("", (2,)), ("", (3,))]),
        (said("вот", PAPER, PHOTO), [("вот", (0,)), ("", (1,))]),
    ],
)
def test_a_text_goes_under_its_file_or_before_it(
    message: Message, parts: list[tuple[str, tuple[int, ...]]]
) -> None:
    can = Can(text_limit=10, caption_limit=5, album=2)
    cut = rules.reply_parts(message, can, "ru", tuple(range(len(message.attachments))))
    assert [(message.text[part.text.start : part.text.end], part.files) for part in cut] == parts


BUTTONS = ((Button(label="Да"), Button(label="Сайт", url="https://x.example")),)
LINES = "• Да\n• Сайт: https://x.example"


@pytest.mark.parametrize(
    ("attached", "room", "shown"),
    [
        ((), 2, True),
        ((), 1, False),
        ((), 0, False),
        ((PHOTO,), 2, True),
        ((PHOTO, PHOTO), 2, False),
        ((PHOTO, PHOTO, PAPER), 2, True),
    ],
)
def test_buttons_stand_under_the_last_part_or_are_lines(
    attached: tuple[Attachment, ...], room: int, *, shown: bool
) -> None:
    message = replace(said("Берёте?", *attached), buttons=BUTTONS)
    can = Can(text_limit=100, caption_limit=100, album=2, buttons=room)
    cut = rules.reply_parts(message, can, "ru", tuple(range(len(attached))))
    assert [part.buttons for part in cut] == [*(False for _ in cut[1:]), shown]
    text = timeline_text(message, "ru", without=range(len(attached)), with_buttons=not shown)
    assert text == ("Берёте?" if shown else f"Берёте?\n{LINES}")
    assert cut[0].text.end == len(text)


def test_a_channel_is_one_source_whatever_its_account_is_called() -> None:
    long = "somebody.with.a.long.name@company.example"
    names = {rules.source_of("mail", each) for each in ("a@b.example", long, f"{long}x", "почта")}
    assert len(names) == 4
    assert "mail:a@b.example" in names
    assert all(len(name) <= 36 and name.isascii() for name in names)


def test_only_what_has_a_file_and_can_be_shown_is_carried() -> None:
    shown = said("", Attachment(kind=AttachmentKind.IMAGE), PHOTO, PAPER, PHOTO)
    assert rules.carried(shown, {AttachmentKind.IMAGE}) == (1, 3)


@pytest.mark.parametrize(
    ("age", "old"),
    [(timedelta(0), False), (timedelta(hours=24), False), (timedelta(hours=24, seconds=1), True)],
)
def test_a_reply_is_old_past_its_limit(age: timedelta, *, old: bool) -> None:
    assert rules.too_old(NOON - age, NOON, timedelta(hours=24)) is old


@pytest.mark.parametrize(
    ("last", "again", "owed"),
    [
        (None, True, False),
        (DeliveryState.READY, False, True),
        (DeliveryState.PARKED, False, True),
        (DeliveryState.CALLING, True, True),
        (DeliveryState.DOUBT, True, True),
        (DeliveryState.DONE, True, False),
        (DeliveryState.SKIPPED, True, False),
        (DeliveryState.DEAD, True, False),
    ],
)
def test_a_history_is_owed_anew_unless_it_was_not_asked_for_yet(
    last: DeliveryState | None, *, again: bool, owed: bool
) -> None:
    assert rules.needs_history_again(last) is again
    assert rules.is_history_owed(last) is owed


@pytest.mark.parametrize(
    ("revision", "state", "newest"),
    [
        (2, DeliveryState.DONE, True),
        (1, DeliveryState.DONE, False),
        (1, DeliveryState.READY, False),
        (1, DeliveryState.DEAD, True),
        (-1, DeliveryState.DONE, False),
    ],
)
def test_only_the_newest_history_ends_a_gap(
    revision: int, state: DeliveryState, *, newest: bool
) -> None:
    owed = Owed(id=DeliveryId(UUID(int=1)), state=state, revision=2)
    assert rules.is_newest_history(revision, owed) is newest
    assert rules.is_newest_history(revision, None)


def test_a_history_remembers_which_asking_it_answers() -> None:
    assert rules.read_form(rules.form_of_history("history", 7)) == ("history", 7)
    assert rules.read_form("chat") == ("chat", -1)
