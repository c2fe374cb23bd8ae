"""Reading a mapping document: what it becomes, and how people are told what is wrong with it."""

from decimal import Decimal

import pytest

from mappers.mapping.document import read_document
from mappers.mapping.model import BadMapping, Condition, Origin, Part, Problem, Step, When


def rule(text: str) -> str:
    lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
    return f"version: 1\nrules:\n  -\n{lines}"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(BadMapping) as caught:
        read_document(text)
    return caught.value.problems


def problem(text: str) -> Problem:
    (found,) = problems(text)
    return found


def test_a_rule_with_everything() -> None:
    (read,) = read_document(
        rule(
            """
target: deal.Источник
template: "{channel.title}: {contact.name|contact.phone} {{x}}"
transform: [trim, {max_length: 40}]
when: {all: [{source: channel.provider, in: [telegram, vk]}, {source: contact.phone, empty: true}]}
write: always
"""
        )
    ).rules
    assert read.origin == Origin(
        template=(
            Part(sources=("channel.title",)),
            Part(words=": "),
            Part(sources=("contact.name", "contact.phone")),
            Part(words=" "),
            Part(words="{"),
            Part(words="x"),
            Part(words="}"),
        )
    )
    assert read.steps == (Step("trim"), Step("max_length", {"length": 40}))
    assert read.when == When(
        conditions=(
            Condition(source="channel.provider", among=("telegram", "vk")),
            Condition(source="contact.phone"),
        )
    )
    assert read.write == "always"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("true", True),
        ("12", Decimal(12)),
        ("-3.50", Decimal("-3.5")),
        ("+79161112233", "+79161112233"),
        ("007", "007"),
        ("2026-11-22", "2026-11-22"),
        ("'12'", "12"),
        ("08:30", "08:30"),
    ],
)
def test_words_are_words(written: str, meant: object) -> None:
    (read,) = read_document(rule(f"target: tags\nconst: {written}")).rules
    assert read.origin.const == meant


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        ("empty: false", Condition(source="message.text", negated=True)),
        ("empty: false\n  not: true", Condition(source="message.text")),
        (
            "equals: 5\n  not: true",
            Condition(source="message.text", among=(Decimal(5),), negated=True),
        ),
    ],
)
def test_a_single_condition_needs_no_list(condition: str, meant: Condition) -> None:
    text = f"target: tags\nconst: x\nwhen:\n  source: message.text\n  {condition}"
    (read,) = read_document(rule(text)).rules
    assert read.when.conditions == (meant,)


def test_a_misspelt_source_is_guessed_and_its_line_told() -> None:
    found = problem(rule("target: contact.name\nsource: contact.nmae"))
    assert (found.line, found.where) == (5, "rules[1].source")
    assert "“contact.nmae” is not a source." in str(found)
    assert "Did you mean “contact.name”?" in str(found)


def test_every_problem_is_told_at_once() -> None:
    text = rule("target: tags\nsource: nowhere\ntransform: [trimm]\nwhen: {source: x, equals: y}")
    assert [each.where for each in problems(text)] == [
        "rules[1].source",
        "rules[1].transform[1]",
        "rules[1].when.source",
    ]


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ("source: contact.name", "rules[1]", "no target"),
        ("target: tags", "rules[1]", "one value, not 0"),
        ("target: tags\nconst: a\nsource: contact.name", "rules[1]", "one value, not 2"),
        ("target: tags\nconst: [a]", "rules[1].const", "A text, a number"),
        ("target: tags\nfirst_of: []", "rules[1].first_of", "A list"),
        ("target: tags\ntemplate: '{contact.name'", "rules[1].template", "no partner"),
        ("target: tags\nconst: a\nwrite: maybe", "rules[1].write", "not a way to write"),
        ("target: tags\nconst: a\nwirte: once", "rules[1].wirte", "means nothing here"),
        (
            "target: tags\nconst: a\ntransform: [{max_length: x}]",
            "rules[1].transform[1].max_length",
            "not what is expected",
        ),
        ("target: tags\nconst: a\ntransform: [max_length]", "rules[1].transform[1]", "missing"),
        (
            "target: tags\nconst: a\ntransform: [{trim: 3}]",
            "rules[1].transform[1].trim",
            "other arguments",
        ),
        (
            "target: tags\nconst: a\ntransform: [{lookup: {table: {}}}]",
            "rules[1].transform[1].lookup.table",
            "empty",
        ),
        (
            "target: tags\nconst: a\ntransform: [{date: '%B'}]",
            "rules[1].transform[1].date",
            "%d %m",
        ),
        (
            "target: tags\nconst: a\ntransform: [{e164: Russia}]",
            "rules[1].transform[1].e164",
            "capital letters",
        ),
        (
            "target: tags\nconst: a\nwhen: {all: [{any: [{source: message.text, empty: true}]}]}",
            "rules[1].when.all[1].any",
            "means nothing here",
        ),
        ("target: tags\nconst: a\nwhen: {source: message.text}", "rules[1].when", "one question"),
        (
            "target: tags\nconst: a\nwhen: {source: message.text, empty: maybe}",
            "rules[1].when.empty",
            "true or false",
        ),
        ("target: tags\nconst: a\nwhen: {all: [], any: []}", "rules[1].when", "Either all or any"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(body: str, where: str, what: str) -> None:
    assert any(each.where == where and what in each.what for each in problems(rule(body)))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version: 1\nrules: [", "not YAML"),
        ("version: 1\nrules: &a [*a]", "References"),
        ("version: 1\nrules: []", "A list with something in it"),
        ("version: 2\nrules: [{target: tags, const: a}]", "version"),
        ("version: 1\nversion: 1\nrules: []", "here twice"),
        ("- 1", "Names with values"),
        ("", "Names with values"),
        ("rules: " + "[" * 12 + "]" * 12, "too deeply"),
        ("rules: " + "[" * 60_000, "too deeply"),
        ("a" * 65_537, "at most"),
        ("version: 1\nrules: [\0]", "not YAML"),
    ],
)
def test_what_is_no_document_is_refused_in_one_sentence(text: str, what: str) -> None:
    assert any(what in each.what for each in problems(text))
