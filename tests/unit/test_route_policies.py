"""What people give for a policy: read by its type, refused in words, spelt back as it is given."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.operations.accounts.policies import (
    DEFAULTS,
    HINTS,
    changed_from_usual,
    duration,
    problems_of_values,
    spelt_duration,
)
from middleware.operations.accounts.rules import End, problems_of_policy
from middleware.store.codec import decode_policy, encode_policy
from middleware.store.policy import Policy


@pytest.mark.parametrize(
    ("given_as", "meant"),
    [
        ("3d", timedelta(days=3)),
        (" 12 H ", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        (90, timedelta(seconds=90)),
        ("PT30M", timedelta(minutes=30)),
        (timedelta(hours=1), timedelta(hours=1)),
        ("soon", None),
        ("99999999999d", None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_a_duration_is_read_as_people_write_it(given_as: Any, meant: timedelta | None) -> None:
    assert duration(given_as) == meant


@given(st.integers(0, 10**9))
def test_a_duration_is_spelt_as_it_is_given(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert duration(spelt_duration(value)) == value


@pytest.mark.parametrize("wrong", [7, None, ["a", 1], {"a": 1}])
@pytest.mark.parametrize("name", HINTS)
def test_a_value_of_another_type_is_refused_by_name(name: str, wrong: Any) -> None:
    found = problems_of_values({name: wrong})
    is_duration = HINTS[name] is timedelta and wrong == 7
    assert is_duration or found[0].startswith(f"{name} ")


def test_every_usual_value_is_a_good_one() -> None:
    assert problems_of_values(DEFAULTS) == ()
    assert changed_from_usual(Policy()) == {}


def test_a_policy_is_kept_whole() -> None:
    policy = Policy(deal_owner="crm", pipeline="7", pilot=("@nina",), operator_name="first")
    assert decode_policy(encode_policy(policy)) == policy
    assert set(changed_from_usual(policy)) == {"deal_owner", "pipeline", "pilot", "operator_name"}


CRM = End(kind="crm", title="Shop", state="active", opens_own_deals=True, keeps_quiet=True)
LOUD = End(kind="crm", title="Shop", state="active", opens_own_deals=True)
PLAIN = End(kind="crm", title="Shop", state="active")


@pytest.mark.parametrize(
    ("target", "policy", "named"),
    [
        (CRM, {"deal_rest": "3d", "deal_scope": "channel", "deal_on": "text"}, ""),
        (CRM, {"deal_owner": "crm", "deal_on": "text"}, ""),
        (CRM, {"deal_owner": "crm", "deal_rest": "0s"}, ""),
        (PLAIN, {"deal_rest": "3d", "deal_on": "text"}, ""),
        (CRM, {"deal_owner": "crm", "deal_rest": "3d"}, "deal_rest: where the CRM"),
        (CRM, {"deal_owner": "crm", "deal_scope": "channel"}, "deal_scope: where the CRM"),
        (CRM, {"deal_owner": "crm", "thread_window": "2h"}, "thread_window: where the CRM"),
        (CRM, {"deal_policy": "never", "thread_window": "2h"}, "no deal to speak of"),
        (LOUD, {"deal_on": "text"}, "cannot be kept from it"),
        (LOUD, {"deal_rest": timedelta(days=3)}, "cannot be kept from it"),
        (CRM, {"deal_rest": "soon"}, "3d, 12h"),
        (CRM, {"deal_rest": "-P1D"}, "not negative"),
        (CRM, {"on_doubt": "guess"}, "nothing, hold, resend"),
    ],
)
def test_what_a_crm_cannot_honour_is_refused_with_what_to_do(
    target: End, policy: dict[str, Any], named: str
) -> None:
    found = " ".join(problems_of_policy(target, policy))
    assert named in found
    assert bool(found) is bool(named)
