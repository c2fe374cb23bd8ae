"""The worked example of the page about mappings works as the page says."""

import json
import re

from mappers.mapping.document import read_document
from mappers.mapping.engine import apply
from mappers.mapping.facts import read_facts
from mappers.mapping.lint import lint
from mappers.mapping.model import BadMapping, Current
from mappers.mapping.sources import SOURCES
from mappers.mapping.targets import WORDS
from mappers.mapping.transforms import TRANSFORMS
from mappers.vocabulary import Catalogue, Field
from tests.docs.pages import DOCS, headings

PAGE = (DOCS / "how-to/map-fields.md").read_text("utf-8")
REFERENCE = DOCS / "reference/mapping.md"
SHOP = Catalogue(
    fields=(
        Field(
            id="1",
            title="Источник",
            entity="deal",
            type="select",
            kind="choice",
            choices=(("10", "Телеграм"), ("11", "Сайт")),
        ),
        Field(id="2", title="Дата заявки", entity="deal", type="date", kind="date"),
        Field(id="3", title="Город", entity="contact", type="text"),
    ),
    tags=("Реклама",),
    zone="Europe/Moscow",
)


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_nothing_is_wrong_with_it() -> None:
    assert lint(read_document(block("yaml")), SHOP) == ()


def test_it_does_what_the_page_says() -> None:
    facts = read_facts(json.loads(block("json")))
    changes = apply(read_document(block("yaml")), facts, Current(), SHOP)
    assert [each.after for each in changes] == [
        ("+79161112233",),
        ("10",),
        ("2026-11-22",),
        ("Тверь",),
        ("Telegram: Мария",),
        (),
    ]


def test_the_problem_it_shows_is_the_one_that_is_told() -> None:
    try:
        read_document(block("yaml").replace("channel.provider", "channel.provder"))
    except BadMapping as error:
        (problem,) = error.problems
        assert f"error: {problem}" in PAGE
    else:
        raise AssertionError("it was read")


def test_the_reference_leaves_nothing_out() -> None:
    text = REFERENCE.read_text("utf-8")
    assert set(TRANSFORMS) <= set(headings(REFERENCE))
    assert [each for each in (*SOURCES, *WORDS) if f"| `{each}` |" not in text] == []
