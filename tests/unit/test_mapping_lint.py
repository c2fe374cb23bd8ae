"""Judging a mapping before it runs, with and without an account at hand."""

from dataclasses import replace

import pytest

from mappers.mapping.document import read_document
from mappers.mapping.lint import lint
from mappers.mapping.model import Problem
from tests.unit.test_mapping_engine import CATALOGUE


def judged(rules: str, *, never: frozenset[str] = frozenset()) -> tuple[Problem, ...]:
    return lint(read_document(f"version: 1\nrules:\n{rules}"), CATALOGUE, never)


GOOD = """\
  - {target: contact.phone, source: contact.phones}
  - {target: contact.Город, source: form.city, when: {source: channel.provider, equals: telegram}}
  - {target: contact.Город, const: Москва}
  - {target: deal.Источник, const: Телеграм}
  - {target: deal.Дата заявки, source: message.sent_at}
  - {target: deal.Счёт, source: message.text, transform: [{extract: '(\\d{1,9})'}, number]}
  - {target: pipeline, const: Сервис, write: always}
  - {target: stage, const: Ремонт, write: always}
  - {target: responsible, const: Ольга, write: always}
  - {target: tags, const: Чат}
"""


def test_a_good_document_has_no_problems() -> None:
    assert judged(GOOD) == ()


@pytest.mark.parametrize(
    ("rule", "level", "where", "what"),
    [
        ("target: contact.Горд, const: x", "error", "target", "Did you mean “contact.Город”"),
        ("target: pipelin, const: x", "error", "target", "Did you mean “pipeline”"),
        ("target: deal.Итог, const: 5", "error", "target", "cannot be written"),
        (
            "target: deal.Счёт, source: message.text",
            "error",
            "target",
            "Add the transform `number`",
        ),
        ("target: contact.Постоянный, const: да", "error", "target", "Give true or false"),
        ("target: deal.Источник, source: message.sent_at", "error", "target", "in words first"),
        ("target: deal.Источник, const: ВКонтакте", "error", "const", "has no “ВКонтакте”"),
        (
            (
                "target: deal.Источник, source: channel.provider, "
                "transform: [{lookup: {table: {vk: ВК}, default: Сайт}}]"
            ),
            "error",
            "transform[1]",
            "has no “ВК”",
        ),
        ("target: stage, const: Новая", "warning", "target", "Say `write: always`"),
        (
            "target: pipeline, const: Продажа, write: always",
            "error",
            "const",
            "Did you mean “Продажи”",
        ),
        ("target: stage, const: Закрыто, write: always", "error", "const", "has no “Закрыто”"),
        ("target: responsible, const: Олег, write: always", "error", "const", "has no “Олег”"),
        ("target: tags, const: Чат2", "warning", "const", "no tag “Чат2” yet"),
        ("target: contact.Город, source: contact.phones", "warning", "target", "Add `join`"),
        (
            "target: tags, source: contact.phones, transform: [{date: '%d'}]",
            "error",
            "transform[1]",
            "takes a moment, and is given a list",
        ),
        (
            "target: tags, first_of: [channel.title, contact.name]",
            "warning",
            "first_of",
            "never reached",
        ),
        (
            (
                "target: contact.Город, source: operator.name,"
                " when: {source: message.direction, equals: inbound}"
            ),
            "warning",
            "source",
            "inbound messages only",
        ),
        ("target: contact.Город, source: form.city", "warning", "source", "does not tell it"),
        (
            "target: contact.Город, const: x, when: {source: message.kind, equals: photo}",
            "error",
            "when",
            "never “photo”",
        ),
        (
            "target: contact.Город, const: x, when: {source: contact.is_new, equals: no}",
            "error",
            "when",
            "true or false",
        ),
        (
            "target: contact.Город, const: x, when: {source: channel.title, empty: true}",
            "warning",
            "when",
            "always filled",
        ),
        (
            (
                "target: contact.Город, const: x, when: {all: [{source: channel.provider, "
                "equals: a}, {source: channel.provider, equals: b}]}"
            ),
            "warning",
            "when",
            "cannot be both",
        ),
    ],
)
def test_what_is_wrong_with_one_rule(rule: str, level: str, where: str, what: str) -> None:
    (found,) = judged(f"  - {{{rule}}}", never=frozenset({"form.*"}))
    assert (found.level, found.where, found.line) == (level, f"rules[1].{where}", 3)
    assert what in str(found)


def test_two_rules_for_one_place() -> None:
    rule = "  - {target: contact.Город, const: Москва}\n"
    (found,) = judged(rule + "  - {target: contact.8, source: form.city}\n")
    assert (found.level, found.where) == ("error", "rules[2].target")
    assert "Rule 1 writes to" in found.what


def test_a_rule_behind_one_that_always_has_a_value_is_never_reached() -> None:
    when = "when: {source: contact.is_new, equals: true}"
    (found,) = judged(
        "  - {target: contact.Город, const: Москва}\n"
        f"  - {{target: contact.Город, const: Тверь, {when}}}\n"
    )
    assert (found.level, found.where) == ("warning", "rules[2]")
    assert "rule 1 always has a value" in found.what


def test_lists_take_from_many_rules() -> None:
    rules = "  - {target: contact.phone, source: contact.phone}\n"
    assert judged(rules + "  - {target: contact.phone, source: form.phone}\n") == ()
    assert judged(rules * 2)[0].level == "error"


def test_a_stage_belongs_to_the_pipeline_that_is_named() -> None:
    stage = "  - {target: stage, const: В работе, write: always}\n"
    assert judged(stage + "  - {target: pipeline, const: Продажи, write: always}\n") == ()
    (found,) = judged(stage + "  - {target: pipeline, const: Сервис, write: always}\n")
    assert "has no “В работе”" in found.what


def test_fields_of_one_title_are_told_apart_by_their_ids() -> None:
    twin = replace(CATALOGUE.fields[1], id="88")
    catalogue = replace(CATALOGUE, fields=(*CATALOGUE.fields, twin))
    document = read_document("version: 1\nrules: [{target: contact.Город, const: x}]")
    (found,) = lint(document, catalogue)
    assert "contact.8, contact.88" in found.do


def test_an_unknown_time_zone_is_told() -> None:
    document = read_document("version: 1\nrules: [{target: contact.Город, const: x}]")
    (found,) = lint(document, replace(CATALOGUE, zone="Mars/Olympus"))
    assert (found.level, found.where) == ("warning", "account")


def test_without_an_account_fields_are_taken_on_trust() -> None:
    document = read_document("version: 1\nrules: [{target: deal.Что угодно, const: x}]")
    assert lint(document, None) == ()
    unknown = read_document("version: 1\nrules: [{target: lead.Что угодно, const: x}]")
    assert [each.where for each in lint(unknown, None)] == ["rules[1].target"]
