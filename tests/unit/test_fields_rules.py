"""What a mapping makes of one delivery: changes, what is missing, tasks, what is remembered."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from mappers.mapping.document import read_document
from mappers.mapping.model import Document
from mappers.vocabulary import (
    Catalogue,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Field,
    MessageId,
    Operator,
    Pipeline,
    ProviderError,
    WorkspaceId,
)
from middleware.fields import rules
from middleware.fields.rules import Plan
from middleware.store.duties import Job, MappedRow
from middleware.store.policy import Policy
from middleware.store.rows import DealRow, LinkRow, cards_of
from tests.store_scene import a_message, a_person

NOW = datetime(2026, 1, 12, tzinfo=UTC)
CATALOGUE = Catalogue(
    pipelines=(Pipeline(id="1", title="Продажи", stages=(("10", "Новая"),), is_main=True),),
    operators=(Operator(id="a", name="Ольга", user="5"),),
    fields=(
        Field(id="8", title="Город", entity="contact", type="text"),
        Field(
            id="9",
            title="Источник",
            entity="deal",
            type="select",
            kind="choice",
            choices=(("90", "Сайт"),),
        ),
    ),
)
MAPPED = MappedRow(name="shop", document="", provider="telegram", title="Бот")
OPEN = DealRow(deal="901", record="7", state="open", seen_at=NOW, pipeline="1")
JOB = Job(
    deals=(OPEN,),
    id=DeliveryId(UUID(int=1)),
    workspace=WorkspaceId(UUID(int=2)),
    target=ConnectionId(UUID(int=3)),
    lane=1,
    seq=1,
    kind=DeliveryKind.WRITE_FIELDS,
    subject=UUID(int=4),
    part=0,
    revision=0,
    was=DeliveryState.READY,
    attempts=1,
    failures=0,
    called_at=NOW,
    taken_at=NOW,
    created_at=NOW,
    policy=Policy(pipeline="1"),
    detail={"new": True},
    message=a_message("100:1"),
    message_id=MessageId(UUID(int=4)),
    person=a_person(),
    link=LinkRow(record="501", live=True, evidence="hub.created"),
    mapped=MAPPED,
)


def a_document(*lines: str) -> Document:
    return read_document("version: 1\nrules:\n" + "".join(f"  - {{{each}}}\n" for each in lines))


def planned(*lines: str, job: Job = JOB, catalogue: Catalogue = CATALOGUE, **held: Any) -> Plan:
    facts = rules.facts_for(job, channel="Telegram", crm="Shop")
    current = {key.replace("_", ":"): value for key, value in held.items()}
    return rules.changes(job, facts, current, a_document(*lines), catalogue)


CITY = "target: contact.Город, source: channel.title"


def test_what_differs_is_written_and_nothing_else() -> None:
    plan = planned(CITY, "target: deal.Источник, const: Сайт")
    assert plan.values == {"contact:8": ("Telegram",), "deal:9": ("90",)}
    assert planned(CITY, contact_8=("Telegram",)).values == {}
    assert plan.missing == ()


def test_facts_are_those_of_the_message_and_its_route() -> None:
    facts = rules.facts_for(JOB, channel="Telegram", crm="Shop")
    told = {path: facts[path] for path in ("connection.title", "route.crm", "route.pipeline")}
    assert told == {"connection.title": "Бот", "route.crm": "Shop", "route.pipeline": "1"}
    assert facts["contact.is_new"] is True
    for erased in (replace(JOB, message=None), replace(JOB, person=None)):
        with pytest.raises(ProviderError):
            rules.facts_for(erased, channel="", crm="")


def test_only_places_that_are_there_are_read() -> None:
    document = a_document(CITY, "target: stage, const: Новая", "target: contact.Нет, const: x")
    assert rules.keys_of(document, CATALOGUE) == {"contact:8", "stage", "pipeline"}
    assert rules.keys_of(a_document("target: task, const: x"), CATALOGUE) == frozenset()


def test_without_a_deal_its_rules_are_passed_over() -> None:
    job = replace(JOB, deals=())
    lines = ("target: tags, const: x", "target: deal.Источник, const: Сайт", CITY)
    plan = planned(*lines, job=job)
    assert [each.outcome for each in plan.changes] == ["no_deal", "no_deal", "written"]
    assert plan.missing == ()


def test_a_place_that_is_gone_or_of_another_kind_is_missing() -> None:
    city, source = CATALOGUE.fields
    gone = replace(CATALOGUE, fields=(source,))
    dated = replace(CATALOGUE, fields=(replace(city, type="date", kind="date"), source))
    fewer = replace(CATALOGUE, fields=(city, replace(source, choices=())))
    assert planned(CITY, catalogue=gone).missing == ("contact.Город",)
    assert planned(CITY, catalogue=dated).missing == ("contact.Город",)
    const = "target: deal.Источник, const: Сайт"
    assert planned(const, catalogue=fewer).missing == ("deal.Источник",)


def test_a_word_of_a_customer_that_is_no_choice_is_nobodys_fault() -> None:
    plan = planned("target: deal.Источник, source: message.text")
    assert ([each.outcome for each in plan.changes], plan.missing) == (["no_such"], ())


def test_the_same_text_makes_one_task_and_no_text_is_kept() -> None:
    task = "target: task, template: 'Позвонить: {contact.name}'"
    plan = planned(task, CITY)
    assert plan.tasks == (1,)
    assert plan.values == {"contact:8": ("Telegram",)}
    kept = rules.filled(JOB, plan.changes)
    (mark,) = kept["deal:901"]
    assert "Мария" not in str((kept, rules.told(plan)))
    again = replace(JOB, mapped=replace(MAPPED, written=frozenset({mark})))
    assert planned(task, CITY, job=again).tasks == ()
    assert planned("target: task, const: Другое", job=again).tasks == (1,)


def test_the_text_of_a_task_is_computed_again() -> None:
    document = a_document("target: task, const: Раз", "target: task, template: '{contact.name}!'")
    facts = rules.facts_for(JOB, channel="Telegram", crm="Shop")
    texts = [
        rules.task_text(replace(JOB, detail={"rule": n}), facts, document, CATALOGUE)
        for n in (1, 2, 3)
    ]
    assert texts == ["Раз", "Мария!", ""]


def test_what_holds_the_value_already_is_remembered_as_filled() -> None:
    plan = planned(CITY, "target: tags, const: x", contact_8=("Telegram",))
    found = rules.filled(JOB, plan.changes)
    assert found == {"contact:501": {"contact:8"}, "deal:901": {"tags"}}
    assert set(found) == set(cards_of("501", "901"))
    known = replace(JOB, mapped=replace(MAPPED, written=frozenset({"contact:8", "tags"})))
    assert rules.filled(known, plan.changes) == {}


def test_no_value_is_told() -> None:
    told = rules.told(planned(CITY, "target: contact.Город, source: message.text"))
    assert told == [[1, "contact.Город", "written"], [2, "contact.Город", "same"]]
