"""Tasks: whether one is still wanted, what it says, and what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_clients.contract import Can
from mappers.text import Language
from mappers.vocabulary import (
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    MessageId,
    OpenedConversation,
    ProviderError,
    WorkspaceId,
)
from middleware.clock import SystemClock
from middleware.connections.model import ConnectedCrm, ConnectionSettings
from middleware.fields.catalogues import Catalogues
from middleware.outbox.todo import needless, text_of
from middleware.pipeline.rules import answer_due
from middleware.store.duties import Job
from middleware.store.policy import Policy
from middleware.store.rows import OpenedRow, OpenQuestion

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MESSAGE = MessageId(UUID(int=5))
ASKED = OpenQuestion(message=MESSAGE, sent_at=NOON)
JOB = Job(
    id=DeliveryId(UUID(int=1)),
    workspace=WorkspaceId(UUID(int=2)),
    target=ConnectionId(UUID(int=3)),
    lane=1,
    seq=1,
    kind=DeliveryKind.CREATE_TASK,
    subject=MESSAGE,
    part=1000,
    revision=0,
    was=DeliveryState.READY,
    attempts=1,
    failures=0,
    called_at=NOON,
    taken_at=NOON,
    created_at=NOON,
    policy=Policy(answer_within=timedelta(minutes=30)),
    detail={"task": "unanswered"},
    question=ASKED,
)


def test_a_task_is_wanted_while_its_own_message_waits() -> None:
    assert needless(JOB) == ""
    assert needless(replace(JOB, question=None)) == "answered"
    later = OpenQuestion(message=MessageId(UUID(int=6)), sent_at=NOON)
    assert needless(replace(JOB, question=later)) == "answered"


def test_a_route_that_has_changed_its_mind_makes_no_task() -> None:
    assert needless(replace(JOB, policy=Policy())) == "not wanted"
    notes = replace(JOB, policy=Policy(), detail={"task": "notes"})
    assert needless(notes) == ""


def test_while_replies_may_have_been_missed_nobody_is_blamed() -> None:
    opened = OpenedRow(
        opened=OpenedConversation(id="c"), ours="o", record="1", opened_at=NOON, behind_since=NOON
    )
    with pytest.raises(ProviderError, match=r"hub\.maybe_answered"):
        needless(replace(JOB, opened=opened))
    assert needless(replace(JOB, opened=replace(opened, behind_since=None))) == ""


def crm(language: Language) -> ConnectedCrm:
    adapter: Any = object()
    return ConnectedCrm(
        id=ConnectionId(UUID(int=3)),
        workspace=WorkspaceId(UUID(int=2)),
        provider="",
        account="",
        title="",
        settings=ConnectionSettings(language=language),
        adapter=adapter,
        can=Can(text_limit=100),
    )


async def test_every_sort_of_task_has_words_in_both_languages() -> None:
    known = Catalogues(SystemClock())
    for sort in ("unanswered", "notes"):
        job = replace(JOB, detail={"task": sort})
        assert await text_of(job, crm("ru"), known) != await text_of(job, crm("en"), known)
    with pytest.raises(ProviderError, match=r"hub\.unknown_task"):
        await text_of(replace(JOB, detail={}), crm("ru"), known)


def test_what_is_no_answer_to_a_customer_is_never_needless() -> None:
    assert needless(replace(JOB, question=None, detail={"rule": 1})) == ""


def test_an_answer_is_due_by_working_time() -> None:
    friday = replace(ASKED, sent_at=datetime(2026, 11, 20, 14, 45, tzinfo=UTC))
    policy = Policy(
        answer_within=timedelta(minutes=30), hours="mon-fri 09:00-18:00", zone="Europe/Moscow"
    )
    assert answer_due(policy, friday) == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    assert answer_due(replace(policy, hours=""), ASKED) == NOON + timedelta(minutes=30)
