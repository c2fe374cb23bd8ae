"""Where the words of a corrected reply go: into the parts that it has, and nowhere else."""

import pytest

from channel_clients.contract import Can
from mappers.text import Slice
from middleware.pipeline.retelling import NO_WORDS, Shape, relaid

CAN = Can(text_limit=10, caption_limit=6)
LONG = "одна и две и три"


@pytest.mark.parametrize(
    ("text", "shape", "laid"),
    [
        ("коротко", [[]], (Slice(0, 7),)),
        ("", [[]], (None,)),
        ("коротко", [[], []], (Slice(0, 7), None)),
        (LONG, [[]], None),
        ("под", [[0]], (Slice(0, 3),)),
        ("", [[0]], (NO_WORDS,)),
        ("длиннее", [[0]], None),
        ("под", [[0], [1]], (Slice(0, 3), NO_WORDS)),
        ("над", [[], [0]], (Slice(0, 3), NO_WORDS)),
        ("", [[], [0, 1]], (None, NO_WORDS)),
    ],
)
def test_words_stay_where_they_were_planned(
    text: str, shape: Shape, laid: tuple[Slice | None, ...] | None
) -> None:
    assert relaid(text, "", shape, CAN) == laid


def test_a_name_takes_of_the_room_and_is_no_part_of_the_words() -> None:
    assert relaid("восемь88", "Ия", [[], []], CAN) == (Slice(0, 6), Slice(6, 8))
    assert relaid("восемь88", "Ия", [[]], CAN) is None
    assert relaid("", "Ия", [[]], CAN) == (None,)


def test_nothing_of_a_longer_text_is_lost() -> None:
    laid = relaid(LONG, "", [[], [], [0]], CAN)
    assert laid is not None
    assert "".join(LONG[part.start : part.end] for part in laid if part) == LONG
