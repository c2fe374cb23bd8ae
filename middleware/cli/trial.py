"""`threadline demo` and `threadline chaos`: the hub tried on emulators, no account anywhere.

Each needs nothing but this installation, and leaves nothing behind unless told where.
"""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mappers.text import Language
from middleware.settings import Settings
from middleware.trial.chaos import Order, play_chaos
from middleware.trial.day import Wishes, play_day


class Lang(StrEnum):
    """What a person may type after `--lang`."""

    RU = "ru"
    EN = "en"


Report = Annotated[
    Path | None, typer.Option("--json", help="Write the verdict to this file.", dir_okay=False)
]
Folder = Annotated[
    Path | None, typer.Option(help="Keep data and logs here. Default: a temporary folder.")
]
Choice = Annotated[Lang | None, typer.Option("--lang", help="Default: the language setting.")]


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(demo)
    app.command()(chaos)


def demo(
    *,
    once: Annotated[bool, typer.Option(help="End with the verdict; do not stay.")] = False,
    report: Report = None,
    folder: Folder = None,
    lang: Choice = None,
    port: Annotated[int, typer.Option(help="Port of the hub. Default: any free one.")] = 0,
) -> None:
    """Play a day of a small shop on emulated Telegram and amoCRM, and judge it."""
    wishes = Wishes(language=_language(lang), once=once, report=report, folder=folder, port=port)
    _end(play_day(wishes, Console()))


def chaos(
    *,
    seed: Annotated[int, typer.Option(help="What is broken, and when, follows from it.")],
    messages: Annotated[int, typer.Option(help="How many are said in all.", min=20)] = 500,
    report: Report = None,
    folder: Folder = None,
    lang: Choice = None,
) -> None:
    """Break everything around running conversations, and judge what became of them."""
    order = Order(
        seed=seed, messages=messages, language=_language(lang), report=report, folder=folder
    )
    _end(play_chaos(order, Console()))


def _language(lang: Lang | None) -> Language:
    if lang is None:
        return Settings().language
    return "ru" if lang is Lang.RU else "en"


def _end(trial: Coroutine[Any, Any, bool]) -> None:
    """Run a trial; the exit status is 0 when its verdict is clean, 130 after Ctrl-C."""
    try:
        is_clean = asyncio.run(trial)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(0 if is_clean else 1)
