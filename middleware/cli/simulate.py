"""`threadline simulate`: hours of trouble in virtual time, seed by seed."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from middleware.cli.played import crm_in
from middleware.cli.session import session_of

if TYPE_CHECKING:
    from middleware.simulation.scenario import Run


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command("simulate")(run_seeds)


def run_seeds(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many seeds, one after another.", min=1)] = 20,
    messages: Annotated[int, typer.Option(help="Messages of customers in each.", min=1)] = 30,
    crm: Annotated[str, typer.Option(help="The CRM, by name.")] = "amocrm",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every seed's result there.")
    ] = None,
) -> None:
    """Run the whole hub in virtual time while everything around it breaks.

    The same seed gives the same run. Exits with 1 when a message was lost, doubled or out of
    order, or something never came to its end.
    """
    from middleware.simulation.scenario import Scale, simulate  # noqa: PLC0415  # dear to import

    played = crm_in(session_of(context), crm)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scale = Scale(messages=messages, replies=max(1, messages * 2 // 5))
    runs = [simulate(number, scale, crm=played) for number in range(seed, seed + seeds)]
    _show(runs)
    if json_file is not None:
        report = [run.as_json() for run in runs]
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=2), "utf-8")
    if any(run.problems for run in runs):
        raise typer.Exit(1)


def _show(runs: list["Run"]) -> None:
    table = Table("seed", "messages", "replies", "crashes", "faults", "held", "problems")
    for run in runs:
        verdict = run.verdict
        table.add_row(
            str(run.seed),
            f"{verdict.messages_in}",
            f"{verdict.replies_delivered}/{verdict.replies}",
            str(run.crashes),
            str(sum(run.faults.values())),
            str(verdict.held),
            "; ".join(run.problems) or "none",
        )
    Console().print(table)
