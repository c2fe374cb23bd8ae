"""The command line's root: global options, and the modules that bring the commands."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mappers.text import Language
from middleware.cli import (
    access,
    backup,
    bench,
    connecting,
    connections,
    contacts,
    deliveries,
    docs,
    looking,
    mapping,
    routes,
    serving,
    settings,
    simulate,
    tail,
    trial,
)
from middleware.cli.help import asked_language, in_russian
from middleware.cli.session import begin
from middleware.settings import Settings

app = typer.Typer(
    name="threadline",
    help="Every customer's thread, on one line: the CRM's timeline.",
    no_args_is_help=True,
    # A traceback is for bugs, and must not show what variables hold.
    pretty_exceptions_enable=False,
)


class Lang(StrEnum):
    """What a person may type after `--lang`."""

    RU = "ru"
    EN = "en"


@app.callback()
def options(
    context: typer.Context,
    lang: Annotated[Lang | None, typer.Option(help="Language; default: the setting.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory; default: the setting.", file_okay=False)
    ] = None,
) -> None:
    """Every customer's thread, on one line: the CRM's timeline."""
    changes: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    language: Language | None = None if lang is None else "ru" if lang is Lang.RU else "en"
    context.obj = begin(language, changes)


MODULES = (
    serving,
    connecting,
    connections,
    routes,
    settings,
    deliveries,
    contacts,
    mapping,
    looking,
    tail,
    access,
    backup,
    trial,
    bench,
    simulate,
    docs,
)
for module in MODULES:
    module.register(app)


def run() -> None:
    """Speak the language of the settings, or the one that is asked for."""
    command = typer.main.get_command(app)
    if asked_language(sys.argv[1:], _usual_language()) == "ru":
        in_russian(command)
    command()


def _usual_language() -> Language:
    try:
        return Settings().language
    except ValidationError:
        return "ru"


if __name__ == "__main__":
    run()
