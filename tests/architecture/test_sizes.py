"""Functions and modules stay small enough to be read; whoever needs more says why."""

from tests.architecture.source import PACKAGES, WAIVERS, functions, modules

FUNCTION = 50
MODULE = 400
TEST_MODULE = 500


def measured() -> dict[str, tuple[int, int]]:
    """Every module and function: how long it is, and how long it may be."""
    found: dict[str, tuple[int, int]] = {}
    for module in modules(*PACKAGES, "tests"):
        found[module.path] = (module.lines, TEST_MODULE if module.is_test else MODULE)
        for name, function in functions(module):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            found[f"{module.path}:{name}"] = (lines, FUNCTION)
    return found


def test_nothing_is_longer_than_it_may_be() -> None:
    waived = WAIVERS["longer"]
    too_long = {
        place: f"{lines} lines, {limit} allowed"
        for place, (lines, limit) in measured().items()
        if lines > limit and lines > int(waived.get(place, {}).get("lines", 0))
    }
    assert too_long == {}


def test_no_size_is_waived_that_needs_no_waiver() -> None:
    sizes = measured()
    needless = [
        place
        for place in WAIVERS["longer"]
        if place not in sizes or sizes[place][0] <= sizes[place][1]
    ]
    assert needless == []
