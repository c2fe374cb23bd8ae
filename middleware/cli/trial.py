"""`threadline demo` and `threadline chaos`: the hub tried on emulators, no account anywhere.

Each needs nothing but this installation, and leaves nothing behind unless told where.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from middleware.cli.played import crms_in
from middleware.cli.session import session_of, until_told

Report = Annotated[
    Path | None, typer.Option("--json", help="Write the verdict to this file.", dir_okay=False)
]
Folder = Annotated[
    Path | None, typer.Option(help="Keep data and logs here. Default: a temporary folder.")
]
Crms = Annotated[
    str,
    typer.Option("--crm", help="The CRMs, by name, with commas between them; a shop for each."),
]


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(demo)
    app.command()(chaos)


def demo(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option(help="End with the verdict; do not stay.")] = False,
    report: Report = None,
    folder: Folder = None,
    port: Annotated[int, typer.Option(help="Port of the hub. Default: any free one.")] = 0,
    crm: Crms = "amocrm",
) -> None:
    """Play a day of a small shop on emulators of a channel and of CRMs, and judge it."""
    from middleware.trial.day import Wishes, play_day  # noqa: PLC0415  # dear to import

    session = session_of(context)
    wishes = Wishes(
        language=session.language,
        once=once,
        report=report,
        folder=folder,
        port=port,
        crms=crms_in(session, crm),
    )
    _end(play_day(wishes, Console()))


def chaos(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(help="What is broken, and when, follows from it.")] = 1,
    messages: Annotated[int, typer.Option(help="How many are said in all.", min=20)] = 500,
    workers: Annotated[
        int, typer.Option(help="Processes that serve, woken by Celery; 0: one for all.", min=0)
    ] = 0,
    report: Report = None,
    folder: Folder = None,
    crm: Crms = "amocrm",
) -> None:
    """Break everything around running conversations, and judge what became of them."""
    from middleware.trial.chaos import Order, play_chaos  # noqa: PLC0415  # as above

    session = session_of(context)
    order = Order(
        seed=seed,
        messages=messages,
        language=session.language,
        report=report,
        folder=folder,
        workers=workers,
        crms=crms_in(session, crm),
    )
    _end(play_chaos(order, Console()))


def _end(trial: Coroutine[Any, Any, bool]) -> None:
    """Run a trial; the exit status is 0 when its verdict is clean, 130 or 143 when told to stop."""
    try:
        is_clean = asyncio.run(until_told(trial))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except asyncio.CancelledError:
        raise typer.Exit(143) from None
    raise typer.Exit(0 if is_clean else 1)
