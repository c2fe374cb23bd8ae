"""Ids sort by when they were made."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from middleware.ids import Ids, uuid7, uuid7_of

NOON_MS = round(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)


def made_at(*moments_ns: int) -> list[UUID]:
    clock = iter(moments_ns)
    ids = Ids(lambda: next(clock))
    return [ids() for _ in moments_ns]


def test_each_sorts_after_the_one_before() -> None:
    many = [uuid7() for _ in range(10_000)]
    assert all(one < other for one, other in pairwise(many))


def test_the_order_holds_in_one_moment_and_when_the_clock_steps_back() -> None:
    noon = NOON_MS * 1_000_000
    ids = made_at(noon, noon, noon - 5_000_000_000, noon + 1, noon + 1_000_000)
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_is_of_version_seven_and_says_when_it_was_made() -> None:
    (made,) = made_at(NOON_MS * 1_000_000 + 999_999)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == NOON_MS
    assert uuid7_of(NOON_MS, 0) < made < uuid7_of(NOON_MS + 1, 0)


def test_ids_of_one_moment_differ_between_processes() -> None:
    noon = NOON_MS * 1_000_000
    assert len({made_at(noon)[0] for _ in range(1_000)}) == 1_000
