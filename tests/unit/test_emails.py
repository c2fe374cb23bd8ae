"""What has the form of an e-mail address."""

import pytest

from mappers.emails import is_address


@pytest.mark.parametrize("text", ["p@example.com", " Пётр@почта.рф ", "a.b+c@mail.example.co.uk"])
def test_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "8 916 111 22 33", "@ivan", "ivan@", "ivan@host", "a b@example.com", "a@b.", "a@b@c.ru"],
)
def test_what_is_none(text: str) -> None:
    assert not is_address(text)
