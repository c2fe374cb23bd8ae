"""Phone numbers: every spelling of one number is the same number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.phones import e164, national, same_number

spellings = st.text("+0123456789 ()-.ext\u00a0٣", max_size=24)


@pytest.mark.parametrize(
    ("number", "canonical"),
    [
        ("+7 912 345-67-89", "+79123456789"),
        ("8 (912) 345-67-89", "+79123456789"),
        ("89123456789", "+79123456789"),
        ("79123456789", "+79123456789"),
        ("9123456789", "+79123456789"),
        ("tel:+7-912-345-67-89", "+79123456789"),
        ("+375 29 123-45-67", "+375291234567"),
        ("375291234567", "+375291234567"),
        ("+49 30 901820", "+4930901820"),
        ("", None),
        ("+", None),
        ("+7", None),
        ("2-12-85", None),
        ("звоните", None),
        ("+999 123 456 789", None),
        ("1" * 60, None),
    ],
)
def test_any_spelling_becomes_one(number: str, canonical: str | None) -> None:
    assert e164(number) == canonical


def test_a_number_without_a_country_belongs_to_the_region() -> None:
    assert e164("030 901820", "DE") == "+4930901820"
    assert e164("030 901820", "RU") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("8 912 345-67-89", "+79123456789", True),
        ("+79123456789", "+79123456780", False),
        ("2-12-85", "2-12-85", False),
        ("", "", False),
        ("+79123456789", "", False),
    ],
)
def test_two_unreadable_numbers_are_never_the_same(one: str, other: str, *, same: bool) -> None:
    assert same_number(one, other) is same
    assert same_number(other, one) is same


@given(number=spellings)
def test_the_canonical_spelling_is_its_own(number: str) -> None:
    canonical = e164(number)
    assert canonical is None or e164(canonical) == canonical


@given(number=st.text())
def test_nonsense_is_no_number_and_no_error(number: str) -> None:
    canonical = e164(number)
    assert canonical is None or canonical[1:].isascii()


@given(one=spellings, other=spellings)
def test_sameness_is_symmetric(one: str, other: str) -> None:
    assert same_number(one, other) is same_number(other, one)
    assert same_number(one, one) is (e164(one) is not None)


@pytest.mark.parametrize(
    ("number", "bare"),
    [("+79151112233", "9151112233"), ("+493012345678", "3012345678"), ("", ""), ("Нина", "")],
)
def test_a_number_without_its_country(number: str, bare: str) -> None:
    assert national(number) == bare


def test_it_is_the_same_number_where_it_is_at_home() -> None:
    assert same_number(national("+79151112233"), "+79151112233")
