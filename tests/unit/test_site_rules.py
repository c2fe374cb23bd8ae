"""What the doctor says of the ground under a hub."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from middleware.cli.words import WORDS
from middleware.operations.site.rules import Site, remarks

WELL = Site(
    version=16,
    size_bytes=12_000_000,
    sessions=10,
    sessions_most=97,
    longest=timedelta(seconds=1),
    ahead=timedelta(milliseconds=-200),
    free_bytes=50_000_000_000,
    backup=timedelta(hours=5),
)


def test_of_what_is_well_it_says_so() -> None:
    assert {remark.level for remark in remarks(WELL)} == {"ok"}


@pytest.mark.parametrize(
    ("change", "word", "level"),
    [
        ({"version": 14}, "postgres_old", "problem"),
        ({"ahead": timedelta(seconds=-3)}, "clock_off", "warning"),
        ({"ahead": timedelta(minutes=1)}, "clock_off", "problem"),
        ({"free_bytes": 1_000_000_000}, "disk_low", "warning"),
        ({"free_bytes": 1_000_000}, "disk_low", "problem"),
        ({"sessions": 90}, "sessions_many", "warning"),
        ({"longest": timedelta(hours=1)}, "transaction_long", "warning"),
        ({"backup": None}, "backup_never", "warning"),
        ({"backup": timedelta(days=3)}, "backup_old", "warning"),
    ],
)
def test_what_needs_attention_is_named_with_advice(
    change: dict[str, Any], word: str, level: str
) -> None:
    (found,) = [remark for remark in remarks(replace(WELL, **change)) if remark.level != "ok"]
    assert (found.word, found.level) == (word, level)
    for words in WORDS.values():
        assert "{" not in words[word].format(**found.values)
        assert words[f"{word}_do"]


def test_sizes_are_readable() -> None:
    said = [WORDS["en"][remark.word].format(**remark.values) for remark in remarks(WELL)]
    assert "50 000 MB free on the disk" in said
    assert "PostgreSQL 16, the database takes 12 MB" in said
