"""Which deal is used: what a route wants, of what is known, for one channel and one moment."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    ConnectionId,
    ContactId,
    Deal,
    Direction,
    Message,
    Origin,
)
from middleware.pipeline.deals import Wish, as_seen, is_quiet, opens_deal, subject_of
from middleware.store.policy import Policy
from middleware.store.rows import DealRow

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HERE, THERE = ConnectionId(UUID(int=1)), ConnectionId(UUID(int=2))
SOMEBODY = ContactId(UUID(int=7))


def row(deal: str = "21", state: str = "open", **more: Any) -> DealRow:
    return DealRow(**{"deal": deal, "record": "11", "state": state, "seen_at": NOON, **more})


def wish(**policy: Any) -> Wish:
    return Wish(policy=Policy(**policy), channel=HERE, now=NOON)


@pytest.mark.parametrize(
    ("policy", "deal", "used"),
    [
        ({}, row(), True),
        ({}, row(state="won", closed_at=NOON), False),
        ({}, row(state="deleted"), False),
        ({"deal_rest": DAY}, row(state="won", closed_at=NOON - DAY / 2), True),
        ({"deal_rest": DAY}, row(state="lost", closed_at=NOON - DAY), False),
        ({"deal_rest": DAY}, row(state="won"), False),
        ({"deal_rest": DAY}, row(state="deleted", closed_at=NOON), False),
        ({"pipeline": "7"}, row(pipeline="7"), True),
        ({"pipeline": "7"}, row(pipeline="8"), False),
        ({"deal_scope": "channel"}, row(source=HERE), True),
        ({"deal_scope": "channel"}, row(source=THERE), False),
        ({"deal_scope": "channel"}, row(), False),
        ({"deal_scope": "contact"}, row(source=THERE), True),
        ({"deal_scope": "channel", "thread_window": DAY}, row(source=THERE), False),
        (
            {"deal_scope": "channel", "pipeline": "7", "thread_window": DAY},
            row(source=THERE, pipeline="8", used_at=NOON - DAY / 2),
            True,
        ),
        (
            {"deal_scope": "channel", "thread_window": DAY},
            row(source=THERE, used_at=NOON - DAY),
            False,
        ),
        (
            {"deal_scope": "channel", "thread_window": DAY},
            row(state="won", closed_at=NOON, source=THERE, used_at=NOON),
            False,
        ),
    ],
)
def test_a_deal_is_used_where_the_route_wants_it(
    policy: dict[str, Any], deal: DealRow, *, used: bool
) -> None:
    assert (wish(**policy).choose([deal]) == deal) is used


def test_an_exchange_goes_on_before_what_is_open_and_that_before_what_rests() -> None:
    resting = row("1", "won", closed_at=NOON)
    opened = row("2", source=HERE)
    going_on = row("3", source=THERE, used_at=NOON)
    want = wish(deal_rest=DAY, thread_window=DAY, deal_scope="channel")
    assert want.choose([resting, opened, going_on]) == going_on
    assert want.choose([resting, opened]) == opened
    assert wish(deal_rest=DAY).choose([resting]) == resting
    assert [want.evidence(each) for each in (going_on, opened)] == [
        "hub.same_exchange",
        "crm.open_deal",
    ]
    assert want.evidence(resting) == "crm.resting_deal"


def test_a_deal_that_nobody_has_used_is_this_channel_s() -> None:
    want = wish(deal_scope="channel")
    found = Deal(id="21", state="open", pipeline="7")
    assert as_seen(found, (), want, "11").source == HERE
    assert as_seen(found, (row(source=THERE),), want, "11").source == THERE


def test_a_reopened_deal_is_closed_no_more() -> None:
    was = row(state="won", closed_at=NOON)
    seen = as_seen(Deal(id="21", state="open"), (was,), wish(), "11")
    assert seen.closed_at is None
    closed = as_seen(Deal(id="21", state="won"), (was,), wish(), "11")
    assert closed.closed_at == NOON


def said(text: str = "", **more: Any) -> Message:
    shown = () if text else (Attachment(kind=AttachmentKind.STICKER),)
    return Message(
        **{
            "origin": Origin("any", "1", "1"),
            "conversation": "7",
            "author": "7",
            "direction": Direction.INBOUND,
            "sent_at": NOON,
            "text": text,
            "attachments": shown,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("message", "opens"),
    [
        (said("Здравствуйте"), True),
        (said(), False),
        (said(" \n"), False),
        (said("/start"), False),
        (said("/start ad_42"), False),
        (said("/start@shop_bot"), False),
        (said("/start here, please"), True),
        (said("/скидка есть?"), True),
        (said("Мы закрыты", automatic=True), False),
    ],
)
def test_only_a_person_s_words_open_a_deal_where_a_route_says_so(
    message: Message, *, opens: bool
) -> None:
    assert opens_deal(Policy(deal_on="text"), message) is opens
    assert opens_deal(Policy(), message)


@pytest.mark.parametrize(
    ("policy", "deals", "quiet"),
    [
        ({}, [], False),
        ({"deal_owner": "crm"}, [], False),
        ({"deal_policy": "never"}, [row()], True),
        ({"deal_rest": DAY}, [row(state="won", closed_at=NOON)], True),
        ({"deal_rest": DAY}, [row(state="won", closed_at=NOON), row("22")], False),
        ({}, [row(state="won", closed_at=NOON)], False),
    ],
)
def test_the_crm_is_kept_quiet_only_where_no_new_deal_is_wanted(
    policy: dict[str, Any], deals: list[DealRow], *, quiet: bool
) -> None:
    want = wish(**policy)
    assert is_quiet(want.policy, deals, want) is quiet


def test_a_deal_is_ensured_for_a_customer_or_for_one_on_a_channel() -> None:
    apart = Policy(deal_scope="channel")
    assert subject_of(Policy(), SOMEBODY, HERE) == SOMEBODY
    assert len({subject_of(apart, SOMEBODY, each) for each in (HERE, THERE)}) == len((HERE, THERE))
