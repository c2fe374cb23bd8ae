"""The tests keep their own rules: no guessing at clocks, no specimen from nowhere."""

import ast
from collections.abc import Iterator
from itertools import pairwise

import pytest
import yaml

from tests.architecture.hygiene import problems_of_cassette
from tests.architecture.source import functions, modules, texts

CASSETTES = sorted(path for path in texts() if path.startswith("tests/cassettes/"))

# Where a test lives in virtual time, a sleep is exact and takes none.
VIRTUAL_TIME = "middleware.simulation.loop"


def hopeful_waits(tree: ast.AST) -> Iterator[int]:
    """Lines that sleep for a while and then assert, as if the machine were never slow."""
    for node in ast.walk(tree):
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(block, list):
                continue
            for statement, following in pairwise(block):
                if _sleeps(statement) and isinstance(following, ast.Assert):
                    yield statement.lineno


def _sleeps(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr):
        return False
    call = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
    if not (isinstance(call, ast.Call) and call.args):
        return False
    is_real = ast.unparse(call.func) in {"time.sleep", "asyncio.sleep", "sleep"}
    return is_real and ast.unparse(call.args[0]) not in {"0", "0.0"}


def test_no_test_waits_and_hopes() -> None:
    hopeful = [
        f"{module.path}:{line}"
        for module in modules("tests")
        if VIRTUAL_TIME not in module.text
        for line in hopeful_waits(module.tree)
    ]
    assert hopeful == []


def test_waiting_and_hoping_would_be_noticed() -> None:
    assert list(hopeful_waits(ast.parse("async def f():\n  await asyncio.sleep(1)\n  assert x")))
    assert not list(hopeful_waits(ast.parse("def f():\n  time.sleep(0)\n  assert x")))


def test_no_test_sleeps_in_a_thread() -> None:
    asleep = [
        f"{module.path}:{name}"
        for module in modules("tests")
        for name, function in functions(module)
        if name.rpartition(".")[2].startswith("test_")
        and any(ast.unparse(n) == "time.sleep" for n in ast.walk(function))
    ]
    assert asleep == []


@pytest.mark.parametrize("path", CASSETTES)
def test_a_cassette_says_where_it_came_from(path: str) -> None:
    assert problems_of_cassette(yaml.safe_load(texts()[path])) == []
