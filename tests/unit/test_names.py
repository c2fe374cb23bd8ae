"""What an operator is called before a customer."""

import pytest

from channel_clients.contract import Can
from mappers.names import LONGEST, Manner, called, first_name
from mappers.text import length
from middleware.pipeline import rules
from tests.unit.test_pipeline_rules import said


@pytest.mark.parametrize(
    ("whole", "first"),
    [
        ("Ольга", "Ольга"),
        ("Ольга Петрова", "Ольга"),
        ("Ольга Ивановна Петрова", "Ольга"),
        ("Петрова Ольга Ивановна", "Ольга"),
        ("Абрамович Роман Аркадьевич", "Роман"),
        ("Роман Аркадьевич Абрамович", "Роман"),
        ("Илья Ильич", "Илья"),
        ("Петрова, Ольга", "Ольга"),
        ("Петрова,", "Петрова"),
        ("Mary-Ann Smith", "Mary-Ann"),
        ("", ""),
    ],
)
def test_the_first_name_is_found_in_any_order(whole: str, first: str) -> None:
    assert first_name(whole) == first


@pytest.mark.parametrize(
    ("manner", "shown"), [("none", ""), ("first", "Ольга"), ("full", "Ольга Петрова")]
)
def test_a_route_says_how_much_of_a_name_is_shown(manner: Manner, shown: str) -> None:
    assert called("  Ольга \n Петрова ", manner) == shown


def test_an_address_is_nobody_s_name_and_a_long_one_is_cut() -> None:
    assert called("olga@shop.example", "full") == ""
    assert len(called("О" * 100, "first")) == LONGEST


@pytest.mark.parametrize("unit", ["code_points", "utf16", "bytes"])
def test_a_name_takes_of_the_room_of_the_first_part_only(unit: str) -> None:
    words = " ".join(["привет \N{GRINNING FACE}"] * 80)
    can = Can(text_limit=200, text_unit=unit)  # type: ignore[arg-type]
    first, *rest = rules.reply_parts(said(words), can, "ru", by="Ольга")
    assert [part.by for part in rest] == [""] * len(rest)
    assert first.by == "Ольга"
    assert "".join(words[p.text.start : p.text.end] for p in (first, *rest)) == words
    lengths = [
        length(rules.lead(part.by) + words[part.text.start : part.text.end], can.text_unit)
        for part in (first, *rest)
    ]
    assert max(lengths) <= can.text_limit


def test_where_a_name_would_leave_no_room_for_words_it_is_left_out() -> None:
    parts = rules.reply_parts(said("Да"), Can(text_limit=20), "ru", by="Ольга Петрова")
    assert [part.by for part in parts] == [""]
