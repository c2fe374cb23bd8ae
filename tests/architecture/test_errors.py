"""Nobody swallows an error without having said why."""

import ast
from collections.abc import Iterator

from tests.architecture.source import PACKAGES, WAIVERS, functions, modules

BROAD = {"Exception", "BaseException"}


def broad_handlers() -> Iterator[str]:
    """Functions that catch everything. To clean up and raise again is no catching."""
    for module in modules(*PACKAGES):
        for name, function in functions(module):
            for node in ast.walk(function):
                if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
                    last = node.body[-1]
                    if not (isinstance(last, ast.Raise) and last.exc is None):
                        yield f"{module.path}:{name}"
                if isinstance(node, ast.Call) and _suppresses_everything(node):
                    yield f"{module.path}:{name}"


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in BROAD for n in ast.walk(caught))


def _suppresses_everything(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("suppress") and any(map(_is_broad, call.args))


def test_everything_is_caught_only_where_a_reason_is_given() -> None:
    assert sorted(set(broad_handlers()) - set(WAIVERS["broad-except"])) == []


def test_no_reason_outlives_its_handler() -> None:
    assert sorted(set(WAIVERS["broad-except"]) - set(broad_handlers())) == []
