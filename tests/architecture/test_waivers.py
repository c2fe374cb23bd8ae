"""A waiver is an answer to "why?" with somebody's name under it."""

import pytest

from tests.architecture.source import WAIVERS

LONGEST_REASON = 200


@pytest.mark.parametrize(
    "waiver",
    [
        pytest.param(waiver, id=f"{kind}: {place}")
        for kind, waivers in WAIVERS.items()
        for place, waiver in waivers.items()
    ],
)
def test_a_waiver_has_a_reason_and_a_name(waiver: dict[str, str | int]) -> None:
    assert set(waiver) <= {"lines", "reason", "name"}
    assert 20 < len(str(waiver["reason"])) < LONGEST_REASON
    assert waiver["name"]
