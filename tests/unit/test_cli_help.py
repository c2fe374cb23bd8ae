"""Help speaks both languages, and each says everything that the other does."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command

from middleware.cli.help import asked_language
from middleware.cli.help_words import RUSSIAN
from middleware.cli.main import app


def said_by(command: Any) -> Iterator[str]:
    spoken = (command, *command.params, command.get_help_option(typer.Context(command)))
    yield from (each.help.strip() for each in spoken if getattr(each, "help", None))
    for each in getattr(command, "commands", {}).values():
        yield from said_by(each)


def test_every_sentence_has_its_russian_and_no_other_has() -> None:
    assert set(said_by(get_command(app))) == set(RUSSIAN)


def test_options_are_named_alike_in_both() -> None:
    for english, russian in RUSSIAN.items():
        named = {word.strip(".,;:") for word in english.split() if word.startswith("--")}
        assert all(name in russian for name in named)


@pytest.mark.parametrize(
    ("arguments", "language"),
    [
        ([], "ru"),
        (["replay", "--help"], "ru"),
        (["--lang", "en", "replay"], "en"),
        (["--lang=en"], "en"),
        (["--lang", "fr"], "ru"),
        (["--lang"], "ru"),
    ],
)
def test_the_language_is_found_before_anything_is_parsed(
    arguments: list[str], language: str
) -> None:
    assert asked_language(arguments, "ru") == language


@pytest.mark.parametrize(
    ("language", "said"), [("ru", "Доставить ещё раз"), ("en", "Deliver once more")]
)
def test_help_is_shown_in_the_language_asked_for(language: str, said: str) -> None:
    command = ["-m", "middleware.cli.main", "--lang", language, "replay", "--help"]
    shown = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    assert said in shown.stdout
