"""Help in Russian: every sentence of the command tree, replaced before anything is parsed.

What a command says of itself is English and stands beside its code; `help_words` has the rest.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import typer
from typer import rich_utils

from mappers.text import Language
from middleware.cli.help_words import RUSSIAN, TITLES


def asked_language(arguments: Sequence[str], usual: Language) -> Language:
    """Find the language before the arguments are parsed: help may be asked for anywhere."""
    named = {after for before, after in pairwise(arguments) if before == "--lang"}
    named |= {each.removeprefix("--lang=") for each in arguments if each.startswith("--lang=")}
    return "en" if "en" in named else "ru" if "ru" in named else usual


def in_russian(command: Any) -> None:
    """Translate a command of Typer's and all below it; what has no translation stays as it is."""
    for name, title in TITLES.items():
        setattr(rich_utils, name, title)
    _translate(command, typer.Context(command))


def _translate(command: Any, context: typer.Context) -> None:
    for spoken in (command, *command.params, command.get_help_option(context)):
        if getattr(spoken, "help", None):
            spoken.help = _russian(spoken.help)
    if command.short_help:
        command.short_help = _russian(command.short_help)
    for each in getattr(command, "commands", {}).values():
        _translate(each, typer.Context(each, parent=context))


def _russian(said: str) -> str:
    return RUSSIAN.get(said.strip(), said)
