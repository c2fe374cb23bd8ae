"""What may be asked of a route about responsibles, tags and answers; and who is named first."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.vocabulary import ContactId, Operator, Permanent, ProviderError
from middleware.identity.responsible import by_the_first_accepted, ranked, to_be_named
from middleware.operations.accounts.answering import (
    problems_of_answering,
    problems_of_users,
    users_named,
)
from middleware.operations.accounts.rules import End, problems_of_policy
from middleware.store.codec import decode_policy, encode_policy
from middleware.store.policy import Policy

CRM = End(kind="crm", title="Shop", state="active", gives_tasks=True)
NINA = ContactId(UUID(int=7))


@pytest.mark.parametrize(
    "policy",
    [
        {"responsible": "owner"},
        {"responsible": "7, 8,9", "responsible_fallback": "7"},
        {"tags": ["Telegram", "бот"]},
        {"answer_within": 1800},
        {"answer_within": "PT30M", "hours": "mon-fri 09:00-18:00", "zone": "Europe/Moscow"},
        {"answer_within": 0, "hours": "", "zone": ""},
    ],
)
def test_what_makes_sense_is_accepted_and_kept(policy: dict[str, Any]) -> None:
    assert problems_of_policy(CRM, policy) == ()
    kept = decode_policy(policy)
    assert decode_policy(encode_policy(kept)) == kept


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"responsible": 7}, "written as text"),
        ({"responsible": "owner,7"}, "not both"),
        ({"responsible": "Ольга Менеджер"}, "ids of users"),
        ({"responsible_fallback": "7,8"}, "one user"),
        ({"responsible_fallback": "owner"}, "one user"),
        ({"tags": "Telegram"}, "list of text"),
        ({"tags": ["  "]}, "tags lists words"),
        ({"answer_within": "half an hour"}, "is a duration"),
        ({"answer_within": True}, "is a duration"),
        ({"answer_within": -5}, "not negative"),
        ({"answer_within": "P8D"}, "at most 7 days"),
        ({"hours": "mon-fri 09:00-18:00"}, "need a zone"),
        ({"hours": "9 to 5", "zone": "UTC"}, "write days and times"),
        ({"zone": "Moscow"}, "no time zone"),
    ],
)
def test_what_makes_none_is_refused_in_words(policy: dict[str, Any], says: str) -> None:
    (problem,) = problems_of_policy(CRM, policy)
    assert says in problem


def test_a_crm_without_tasks_cannot_be_asked_for_any() -> None:
    (problem,) = problems_of_answering({"answer_within": 60}, title="Shop", gives_tasks=False)
    assert "has no tasks" in problem


def test_users_that_the_account_does_not_have_are_named_beside_those_it_has() -> None:
    operators = (Operator(id="amojo-1", name="Ольга", user="7"), Operator(id="8", name="Иван"))
    named = users_named({"responsible": "7,9", "responsible_fallback": "8"})
    assert named == ("7", "9", "8")
    (problem,) = problems_of_users(named, operators, "Shop")
    assert "no active user 9" in problem
    assert "7 (Ольга)" in problem
    assert users_named({"responsible": "owner"}) == ()


@pytest.mark.parametrize(
    ("policy", "users"),
    [
        (Policy(), ("",)),
        (Policy(responsible_fallback="9"), ("", "9")),
        (Policy(responsible="7"), ("7", "")),
        (Policy(responsible="7", responsible_fallback="9"), ("7", "9", "")),
        (Policy(responsible="7", responsible_fallback="7"), ("7", "")),
        (Policy(responsible="owner", responsible_fallback="9"), ("5", "9", "")),
    ],
)
def test_wishes_come_first_then_the_fallback_and_the_crm_where_it_helps(
    policy: Policy, users: tuple[str, ...]
) -> None:
    assert to_be_named(policy, NINA, "5") == users


def test_a_card_that_is_nobodys_leaves_it_to_the_crm() -> None:
    assert to_be_named(Policy(responsible="owner"), NINA, "") == ("",)


@given(number=st.integers(0, 2**64), users=st.sets(st.sampled_from("12345678"), min_size=2))
def test_a_contact_comes_to_the_same_user_until_that_one_leaves(
    number: int, users: set[str]
) -> None:
    contact = ContactId(UUID(int=number))
    first, second, *_ = ranked(sorted(users), contact)
    assert ranked(sorted(users, reverse=True), contact)[0] == first
    assert ranked(users - {second}, contact)[0] == first
    assert ranked(users - {first}, contact)[0] == second


def test_turns_are_fair() -> None:
    users = ("7", "8", "9")
    taken = Counter(ranked(users, ContactId(UUID(int=n)))[0] for n in range(3000))
    assert set(taken) == set(users)
    assert all(900 < count < 1100 for count in taken.values())


async def test_only_a_refused_user_makes_way_for_the_next() -> None:
    asked: list[str] = []

    async def make(user: str) -> str:
        asked.append(user)
        if user == "7":
            raise ProviderError(Permanent(code="amocrm.no_such_user", gone="responsible"))
        if user == "8":
            raise ProviderError(Permanent(code="amocrm.invalid"))
        return f"made for {user}"

    assert await by_the_first_accepted(("7", "9", ""), make) == "made for 9"
    with pytest.raises(ProviderError, match=r"amocrm\.invalid"):
        await by_the_first_accepted(("8", "9"), make)
    assert asked == ["7", "9", "8"]


def test_a_policy_of_an_older_release_asks_for_none_of_it() -> None:
    old = decode_policy({"deal_owner": "hub"})
    assert (old.responsible, old.tags, old.answer_within) == ("", (), timedelta())
