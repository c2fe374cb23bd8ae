"""Applying a mapping: what is written, what is left alone, and why."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.mapping.document import read_document
from mappers.mapping.engine import after, apply
from mappers.mapping.lint import lint
from mappers.mapping.model import (
    BadMapping,
    Change,
    Condition,
    Current,
    Document,
    Facts,
    Origin,
    Rule,
    Step,
    When,
    Write,
)
from mappers.mapping.targets import names_of_targets, places_of
from mappers.mapping.transforms import TRANSFORMS
from mappers.vocabulary import (
    Catalogue,
    Field,
    Operator,
    Pipeline,
)

PHONE, OTHER_PHONE = "+79161112233", "+79164445566"
NOON = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
CATALOGUE = Catalogue(
    pipelines=(
        Pipeline(
            id="1", title="Продажи", stages=(("10", "Новая"), ("11", "В работе")), is_main=True
        ),
        Pipeline(id="2", title="Сервис", stages=(("20", "Новая"), ("21", "Ремонт"))),
    ),
    operators=(
        Operator(id="uuid-o", name="Ольга", user="501"),
        Operator(id="502", name="Иван"),
    ),
    fields=(
        Field(
            id="7", title="Телефон", entity="contact", type="multitext", code="PHONE", multiple=True
        ),
        Field(id="8", title="Город", entity="contact", type="text"),
        Field(
            id="9",
            title="Источник",
            entity="deal",
            type="select",
            kind="choice",
            choices=(("90", "Телеграм"), ("91", "Сайт")),
        ),
        Field(
            id="12",
            title="Интересы",
            entity="deal",
            type="multiselect",
            kind="choice",
            multiple=True,
            choices=(("120", "Окна"), ("121", "Двери")),
        ),
        Field(id="13", title="Дата заявки", entity="deal", type="date", kind="date"),
        Field(id="14", title="Срок", entity="deal", type="date_time", kind="moment"),
        Field(id="15", title="Постоянный", entity="contact", type="checkbox", kind="boolean"),
        Field(id="16", title="Счёт", entity="deal", type="numeric", kind="number"),
        Field(id="17", title="Итог", entity="deal", type="numeric", kind="number", read_only=True),
    ),
    tags=("Чат",),
    zone="Europe/Moscow",
)
FACTS: Facts = {
    "channel.provider": "telegram",
    "channel.title": "Telegram",
    "contact.name": "  Анна ",
    "contact.phone": PHONE,
    "contact.phones": (PHONE, OTHER_PHONE),
    "contact.is_new": True,
    "message.text": "Сколько стоит окно? Бюджет 12 500,50 ₽, заказ №4711",
    "message.sent_at": NOON,
    "entry_point.payload": "promo_spring",
}


def changes(rules: str, current: Current | None = None, facts: Facts = FACTS) -> tuple[Change, ...]:
    document = read_document(f"version: 1\nrules:\n{rules}")
    return apply(document, facts, current or Current(), CATALOGUE)


def change(rule: str, current: Current | None = None, facts: Facts = FACTS) -> Change:
    (found,) = changes(f"  - {{{rule}}}", current, facts)
    return found


def holding(key: str, *values: str, written: bool = False) -> Current:
    return Current(values={key: values}, written=frozenset({key} if written else ()))


@pytest.mark.parametrize(
    ("rule", "key", "written"),
    [
        ("target: contact.name, source: contact.name", "contact:name", "Анна"),
        ("target: contact.Город, first_of: [form.city, contact.name]", "contact:8", "Анна"),
        ("target: contact.8, const: Москва", "contact:8", "Москва"),
        ("target: deal.источник, const: телеграм", "deal:9", "90"),
        (
            (
                "target: deal.Источник, source: channel.provider,"
                " transform: [{lookup: {table: {Telegram: Телеграм}, default: Сайт}}]"
            ),
            "deal:9",
            "90",
        ),
        (
            (
                "target: deal.Источник, source: entry_point.payload,"
                " transform: [{lookup: {table: {x: Телеграм}, default: Сайт}}]"
            ),
            "deal:9",
            "91",
        ),
        (
            "target: deal.title, template: '{channel.title}: {contact.username|contact.phone}'",
            "deal:title",
            f"Telegram: {PHONE}",
        ),
        ("target: deal.Дата заявки, source: message.sent_at", "deal:13", "2026-11-22"),
        (
            "target: deal.Дата заявки, source: message.sent_at, transform: date",
            "deal:13",
            "2026-11-22",
        ),
        ("target: deal.Срок, source: message.sent_at", "deal:14", "2026-11-21T22:30:00+00:00"),
        (
            "target: contact.Город, source: message.sent_at, transform: [{date: '%d.%m.%Y %H:%M'}]",
            "contact:8",
            "22.11.2026 01:30",
        ),
        ("target: contact.Постоянный, source: contact.is_new", "contact:15", "true"),
        (
            "target: contact.Город, source: contact.is_new, transform: [{bool: {true: новый}}]",
            "contact:8",
            "новый",
        ),
        (
            (
                "target: deal.Счёт, source: message.text,"
                " transform: [{extract: 'Бюджет ([0-9 ,]+)'}, number]"
            ),
            "deal:16",
            "12500.5",
        ),
        ("target: deal.Счёт, const: 10.00", "deal:16", "10"),
        (
            "target: contact.Город, source: contact.phones, transform: [{join: ' и '}]",
            "contact:8",
            f"{PHONE} и {OTHER_PHONE}",
        ),
        (
            "target: contact.Город, source: message.text, transform: [lower, {max_length: 7}]",
            "contact:8",
            "сколько",
        ),
        (
            "target: contact.Город, source: contact.name, transform: [trim, upper]",
            "contact:8",
            "АННА",
        ),
        ("target: pipeline, const: Сервис", "pipeline", "2"),
        ("target: stage, const: В работе", "stage", "11"),
        ("target: responsible, const: ольга", "responsible", "501"),
        ("target: responsible, const: Иван", "responsible", "502"),
        ("target: tags, const: VIP", "tags", "VIP"),
        ("target: task, const: Позвонить", "task", "Позвонить"),
    ],
)
def test_a_value_reaches_its_place(rule: str, key: str, written: str) -> None:
    found = change(rule)
    assert (found.outcome, found.key, found.after) == ("written", key, (written,))


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("target: deal.Источник, const: ВК", "no_such"),
        ("target: deal.Нет такого, const: x", "no_such"),
        ("target: deal.Итог, const: 5", "no_such"),
        ("target: deal.Счёт, source: contact.name", "no_such"),
        ("target: deal.Дата заявки, const: завтра", "no_such"),
        ("target: contact.Постоянный, const: да", "no_such"),
        ("target: contact.email, const: не адрес", "no_such"),
        ("target: contact.Город, source: contact.username", "empty"),
        ("target: contact.Город, template: 'Клиент {contact.username}'", "empty"),
        ("target: contact.Город, source: contact.name, transform: e164", "empty"),
        ("target: contact.Город, source: contact.name, transform: join", "empty"),
        ("target: contact.Город, source: contact.name, transform: date", "empty"),
        ("target: contact.Город, const: x, when: {source: contact.is_new, equals: false}", "when"),
    ],
)
def test_what_cannot_be_written_says_why(rule: str, outcome: str) -> None:
    found = change(rule)
    assert (found.outcome, found.after) == (outcome, ())
    assert found.why


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        ("{source: channel.provider, equals: TELEGRAM}", True),
        ("{source: channel.provider, equals: telegram, not: true}", False),
        ("{source: channel.provider, in: [vk, telegram]}", True),
        ("{source: contact.username, empty: true}", True),
        ("{source: contact.username, empty: false}", False),
        ("{source: contact.username, equals: x, not: true}", True),
        ("{source: contact.phones, equals: '+79164445566'}", True),
        ("{source: contact.is_new, equals: true}", True),
        (
            "{all: [{source: contact.is_new, equals: true}, {source: message.text, empty: true}]}",
            False,
        ),
        (
            "{any: [{source: contact.is_new, equals: true}, {source: message.text, empty: true}]}",
            True,
        ),
    ],
)
def test_conditions(when: str, answer: bool) -> None:
    found = change(f"target: tags, const: x, when: {when}")
    assert found.outcome == ("written" if answer else "when")


class TestWhatIsThere:
    def test_a_managers_value_stays_unless_the_rule_says_always(self) -> None:
        by_hand = holding("contact:8", "Тверь")
        rule = "target: contact.Город, const: Москва"
        assert change(rule, by_hand).outcome == "if_empty"
        assert change(f"{rule}, write: once", by_hand).outcome == "once"
        replaced = change(f"{rule}, write: always", by_hand)
        assert (replaced.before, replaced.after) == (("Тверь",), ("Москва",))

    def test_what_somebody_emptied_is_not_written_once_more(self) -> None:
        emptied = Current(written=frozenset({"contact:8"}))
        rule = "target: contact.Город, const: Москва"
        assert change(f"{rule}, write: once", emptied).outcome == "once"
        assert change(rule, emptied).outcome == "written"

    def test_phones_are_added_and_known_however_they_are_spelt(self) -> None:
        by_hand = holding("contact:7", "8 (916) 111-22-33")
        found = change("target: contact.phone, source: contact.phones, write: always", by_hand)
        assert found.after == ("8 (916) 111-22-33", OTHER_PHONE)

    def test_tags_lead_nowhere_where_deals_have_none(self) -> None:
        bare = replace(CATALOGUE, tagged=False)
        document = Document(rules=(Rule(target="tags", origin=Origin(const="VIP")),))
        (only,) = apply(document, {}, Current(), bare)
        assert only.outcome == "no_such"
        assert "tags" in names_of_targets(CATALOGUE)
        assert "tags" not in names_of_targets(bare)

    def test_tags_and_choices_of_lists_are_added(self) -> None:
        assert change("target: tags, const: vip", holding("tags", "VIP", "Чат")).outcome == "same"
        found = change("target: deal.Интересы, const: Двери", holding("deal:12", "120"))
        assert found.after == ("120", "121")
        both = "target: deal.Интересы, const: 'окна, двери', transform: split"
        assert change(both).after == ("120", "121")

    def test_nothing_is_ever_cleared(self) -> None:
        by_hand = holding("contact:8", "Тверь")
        found = change("target: contact.Город, source: contact.username, write: always", by_hand)
        assert (found.outcome, found.after) == ("empty", ("Тверь",))

    def test_the_first_rule_with_a_value_has_its_say(self) -> None:
        found = changes(
            "  - {target: contact.Город, source: contact.username}\n"
            "  - {target: contact.Город, const: Москва}\n"
            "  - {target: contact.Город, const: Тверь, write: always}\n"
        )
        assert [each.outcome for each in found] == ["empty", "written", "same"]

    def test_a_stage_is_looked_for_where_the_deal_goes(self) -> None:
        stage = "  - {target: stage, const: Новая}\n"
        first, _ = changes(stage + "  - {target: pipeline, const: Сервис}\n")
        assert first.after == ("20",)
        assert changes(stage)[0].after == ("10",)
        assert changes(stage, holding("pipeline", "2"))[0].after == ("20",)
        assert changes(stage, facts={"route.pipeline": "2"})[0].after == ("20",)

    def test_a_task_is_made_once(self) -> None:
        made = holding("task", written=True)
        assert change("target: task, const: Позвонить", made).outcome == "once"


TARGETS = (
    *("contact.name", "contact.phone", "contact.email", "contact.Город", "contact.Постоянный"),
    *("deal.Источник", "deal.Интересы", "deal.Дата заявки", "deal.Срок", "deal.Счёт", "deal.Итог"),
    *("pipeline", "stage", "responsible", "tags", "task", "deal.Нет"),
)
WORDS = st.sampled_from(
    [
        "Телеграм",
        "Сайт",
        "Окна",
        "Двери",
        "Продажи",
        "Сервис",
        "Новая",
        "Ремонт",
        "Ольга",
        PHONE,
        "8 916 111 22 33",
        "2026-11-22",
        "12,5",
        "a@B.ru",
        "A@b.ru",
        " x ",
    ]
)
ORIGINS = st.one_of(
    WORDS.map(lambda word: Origin(const=word)),
    st.booleans().map(lambda word: Origin(const=word)),
    st.decimals(-99, 99, places=2).map(lambda word: Origin(const=word)),
    st.sampled_from([*FACTS, "contact.username"]).map(lambda path: Origin(sources=(path,))),
)
WHENS = st.one_of(
    st.just(When()),
    st.sampled_from([True, False]).map(
        lambda word: When(conditions=(Condition(source="contact.is_new", among=(word,)),))
    ),
)
WRITES: tuple[Write | None, ...] = ("always", "if_empty", "once", None)
RULES = st.builds(
    Rule,
    target=st.sampled_from(TARGETS),
    origin=ORIGINS,
    steps=st.sampled_from([(), (Step("split", {"by": ","}),)]),
    when=WHENS,
    write=st.sampled_from(WRITES),
).filter(lambda rule: not rule.steps or isinstance(rule.origin.const, str))
DOCUMENTS = st.lists(RULES, max_size=8).map(lambda rules: Document(rules=tuple(rules)))
KEYS = tuple(places_of(target, CATALOGUE)[0].key for target in TARGETS if target != "deal.Нет")
CURRENTS = st.builds(
    Current,
    values=st.dictionaries(
        st.sampled_from(KEYS), st.lists(WORDS, max_size=3, unique=True).map(tuple)
    ),
    written=st.frozensets(st.sampled_from(KEYS)),
)


@settings(max_examples=300, deadline=None)
@given(document=DOCUMENTS, current=CURRENTS)
def test_applied_twice_it_changes_nothing(document: Document, current: Current) -> None:
    done = after(current, apply(document, FACTS, current, CATALOGUE))
    again = apply(document, FACTS, done, CATALOGUE)
    assert [each for each in again if each.outcome == "written"] == []
    assert after(done, again) == done


@settings(max_examples=300, deadline=None)
@given(document=DOCUMENTS, current=CURRENTS)
def test_what_a_manager_wrote_is_never_lost(document: Document, current: Current) -> None:
    done = after(current, apply(document, FACTS, current, CATALOGUE))
    forced = {rule.target for rule in document.rules if rule.write == "always"}
    for target in TARGETS[:-1]:
        place = places_of(target, CATALOGUE)[0]
        held, now = current.values.get(place.key, ()), done.values.get(place.key, ())
        if place.multiple:
            assert now[: len(held)] == held
        elif held and target not in forced:
            assert now == held


ARGUED: dict[str, dict[str, object]] = {
    "e164": {"region": "RU"},
    "join": {"by": ", "},
    "split": {"by": ","},
    "lookup": {"table": {"true": "да"}, "default": None},
    "date": {"format": "%d.%m"},
    "max_length": {"length": 3},
    "extract": {"pattern": r"\d+"},
    "bool": {"true": "да", "false": ""},
}
STEPS = st.lists(
    st.sampled_from(sorted(TRANSFORMS)).map(lambda name: Step(name, ARGUED.get(name, {}))),
    max_size=4,
).map(tuple)


@settings(max_examples=400, deadline=None)
@given(
    path=st.sampled_from([*FACTS, "contact.username"]),
    steps=STEPS,
    target=st.sampled_from(TARGETS),
)
def test_a_document_that_was_not_judged_does_no_harm(
    path: str, steps: tuple[Step, ...], target: str
) -> None:
    rule = Rule(target=target, origin=Origin(sources=(path,)), steps=steps)
    document = Document(rules=(rule,))
    (found,) = apply(document, FACTS, Current(), CATALOGUE)
    assert all(isinstance(each, str) and each for each in found.after)
    assert all(each.level in {"error", "warning"} for each in lint(document, CATALOGUE))


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="-{}[]:,'\"\n #&*!|>%@`?ab1.", max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(BadMapping):
        read_document(text)


def test_money_is_exact() -> None:
    rule = Rule(target="deal.Счёт", origin=Origin(const=Decimal("0.10")))
    (found,) = apply(Document(rules=(rule,)), {}, Current(), CATALOGUE)
    assert found.after == ("0.1",)


def test_what_a_customer_said_stays_out_of_a_repr() -> None:
    found = change("target: contact.Город, source: message.text")
    assert "окно" not in repr(found)
