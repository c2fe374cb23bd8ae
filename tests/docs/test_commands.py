"""Every command that a page quotes is one that the command line takes."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import typer

from middleware.cli.main import app
from tests.docs.pages import DOCS, FENCED, ROOT, headings, pages

SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(threadline [^`]+)`")
PLACEHOLDER = re.compile(r"<[^<>]*>")
SETTING = re.compile(r"[A-Z_]+=")
RUNBOOKS = DOCS / "runbooks"
COMMAND: Any = typer.main.get_command(app)


def quoted(path: Path) -> Iterator[tuple[str, bool]]:
    """The commands of a page; whether each is to be typed as it stands, or only spoken of."""
    page = path.read_text("utf-8")
    for block in SHELL.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            yield from ((words, True) for words in _commands(line))
    for words in INLINE.findall(FENCED.sub("", page)):
        yield words, False


def _commands(line: str) -> Iterator[str]:
    """Split a line at what a shell splits it at, quotes and comments respected."""
    lexer = shlex.shlex(PLACEHOLDER.sub("X", line), posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    for is_between, group in groupby(lexer, lambda word: set(word) <= set("|&;")):
        words = [word for word in group if not SETTING.match(word)]
        if not is_between and words and words[0].removeprefix(".venv/bin/") == "threadline":
            yield shlex.join(["threadline", *words[1:]])


def misunderstood(words: str, *, is_whole: bool) -> str:
    """Say what the command line would complain about; empty when it would not."""
    typed = shlex.split(PLACEHOLDER.sub("X", words), comments=True)[1:]
    typed = [word for word in typed if word not in {"…", "..."} and not word.startswith(("[", ">"))]
    try:
        _take(COMMAND, "threadline", typed, None)
    except Exception as error:  # noqa: BLE001 - the parser's errors are its own
        kind, why = type(error).__name__, str(getattr(error, "message", error))
        is_missing = kind in {"MissingParameter", "NoArgsIsHelpError"} and not is_whole
        return "" if is_missing or kind == "Exit" else f"{words}: {kind} {why}"
    return ""


def _take(command: Any, name: str, typed: list[str], above: Any) -> None:
    """Parse the words as the command would, down to the innermost one."""
    context = command.make_context(name, list(typed), parent=above)
    if hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        found, inner, rest = command.resolve_command(context, rest)
        _take(inner, found, rest, context)


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_quoted_command_is_one_that_is_taken(path: Path) -> None:
    complaints = [misunderstood(words, is_whole=whole) for words, whole in quoted(path)]
    assert [each for each in complaints if each] == []


@pytest.mark.parametrize(
    "words",
    [
        "threadline mend",
        "threadline held keep X",
        "threadline doctor --loudly",
        "threadline held settle X",
        "threadline deliveries --limit many",
    ],
)
def test_what_is_not_taken_is_noticed(words: str) -> None:
    assert misunderstood(words, is_whole=True)


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    found = {words for path in pages() for words, _ in quoted(path)}
    assert len(found) > 60
    assert "threadline held settle X sent" in found


def _metrics() -> set[str]:
    named = re.compile(r'"(threadline_[a-z_]+)"')
    folder = ROOT / "middleware/health"
    return {name for path in folder.glob("*.py") for name in named.findall(path.read_text("utf-8"))}


def test_runbooks_name_metrics_and_codes_that_exist() -> None:
    said = "".join(path.read_text("utf-8") for path in RUNBOOKS.glob("*.md"))
    metrics = set(re.findall(r"threadline_[a-z_]+", said))
    codes = set(re.findall(r"`((?:hub|telegram|amocrm|bitrix24|crm)\.[a-z_0-9]+)`", said))
    assert metrics <= _metrics()
    assert len(metrics) > 8
    assert codes <= {*headings(DOCS / "reference/failures.md")}
    assert len(codes) > 3


def test_every_runbook_is_in_the_index_and_has_the_same_parts() -> None:
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    for path in set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"}:
        assert f"({path.name})" in index
        found = headings(path)
        assert found[1] == "What you see"
        assert found[-1] == "How you know that it is over"
        assert any("What it means" in title for title in found)
        assert any("hat to do" in title for title in found)
