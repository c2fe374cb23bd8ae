"""`threadline bench`: the hub measured beside its peers and the machine's own limits.

What measures is imported by the command that does: a hub that starts does not wait for it.
"""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from middleware.bench.report import Findings, show
from middleware.bench.wishes import Wishes
from middleware.cli.played import crm_in
from middleware.cli.session import BROKEN, INTERRUPTED, session_of, until_told
from middleware.trial.processes import TrialFailed

Rounds = Annotated[int, typer.Option(help="Interleaved rounds; medians are told.", min=1)]
Seconds = Annotated[float, typer.Option(help="How long each measurement lasts.", min=0.2)]
Quick = Annotated[bool, typer.Option("--quick", help="One short round: a smoke test, no measure.")]
Report = Annotated[
    Path | None, typer.Option("--json", help="Write every number there.", dir_okay=False)
]
Database = Annotated[
    str, typer.Option("--database-url", help="A PostgreSQL to use. Default: one of our own.")
]

Only = Annotated[
    list[str] | None, typer.Option(help="Measure this variant; say it again for more.")
]

bench = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.add_typer(
        bench, name="bench", help="Measure the hub beside its peers. Nothing is sent anywhere."
    )


@bench.command("ingest")
def run_ingest(
    context: typer.Context,
    *,
    rounds: Rounds = 3,
    seconds: Seconds = 4.0,
    only: Only = None,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """Durable acknowledgements: how many a second, and how long a sender waits."""
    from middleware.bench import ingest  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, seconds, quick, database_url, only)
    pressure = ingest.Pressure(rates=(20, 100), delays=(0.0,)) if quick else ingest.Pressure()
    _tell(context, _found(context, ingest.measure(wishes, pressure)), report)


@bench.command("pipeline")
def run_pipeline(
    context: typer.Context,
    *,
    rounds: Rounds = 3,
    seconds: Seconds = 8.0,
    bots: Annotated[
        list[int], typer.Option(help="Bots with an account each; say it again for more runs.")
    ] = [1, 10, 100],  # noqa: B006  # Typer's way to say a list
    chats: Annotated[int, typer.Option(help="Conversations of every bot.", min=1)] = 50,
    slow: Annotated[bool, typer.Option(help="Also with a CRM that answers in 200-500 ms.")] = True,
    crm: Annotated[str, typer.Option(help="The CRM, by name.")] = "amocrm",
    only: Only = None,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """Messages a second from channel to CRM, and what each costs in CPU, part by part."""
    from middleware.bench import pipeline  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, seconds, quick, database_url, only)
    if quick:
        bots, slow = [2], False
    flows = [pipeline.Flow(chats=max(2, chats // each), bots=each) for each in bots]
    if slow:
        flows += [pipeline.slowed(flow) for flow in flows]
    wishes = replace(wishes, crm=crm_in(session_of(context), crm))
    _tell(context, _found(context, pipeline.measure(wishes, tuple(flows))), report)


@bench.command("growth")
def run_growth(
    context: typer.Context,
    *,
    rounds: Rounds = 3,
    seconds: Seconds = 8.0,
    connections: Annotated[
        list[int], typer.Option(help="Bots with an account each; the first is the small one.")
    ] = [1, 100, 1000],  # noqa: B006  # Typer's way to say a list
    customers: Annotated[int, typer.Option(help="Customers known already.", min=1)] = 1_000_000,
    backlog: Annotated[int, typer.Option(help="Hooks that nobody read yet.", min=1)] = 1_000_000,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """What a message costs beside many connections, many customers and a long backlog."""
    from middleware.bench import growth  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, seconds, quick, database_url)
    if quick:
        connections, customers, backlog = [1, 5], min(customers, 1000), min(backlog, 2000)
    sizes = growth.Sizes(
        connections=tuple(connections),
        customers=(0, customers),
        backlogs=(max(1, backlog // 100), backlog),
    )
    _tell(context, _found(context, growth.measure(wishes, sizes)), report)


@bench.command("fair")
def run_fair(
    context: typer.Context,
    *,
    rounds: Rounds = 3,
    seconds: Seconds = 20.0,
    flood: Annotated[int, typer.Option(help="What a noisy tenant has unread.", min=1)] = 100_000,
    tenants: Annotated[int, typer.Option(help="Tenants that are all alike.", min=2)] = 10,
    only: Only = None,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """What a quiet tenant feels of a noisy one, and whether equals get equal shares."""
    from middleware.bench import fair  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, seconds, quick, database_url, only)
    if quick:
        flood, tenants = min(flood, 500), min(tenants, 3)
    crowd = fair.Crowd(flood=flood, tenants=tenants)
    _tell(context, _found(context, fair.measure(wishes, crowd)), report)


@bench.command("recover")
def run_recover(
    context: typer.Context,
    *,
    rounds: Rounds = 5,
    backlog: Annotated[int, typer.Option(help="Hooks that nobody read yet.", min=1)] = 10_000,
    only: Only = None,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """How soon the hub delivers again after kill -9, and how soon it starts from cold."""
    from middleware.bench import recover  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, 0.0, quick, database_url, only)
    if quick:
        backlog = min(backlog, 500)
    _tell(context, _found(context, recover.measure(wishes, recover.Blow(backlog=backlog))), report)


@bench.command("drain")
def run_drain(
    context: typer.Context,
    crm: Annotated[str, typer.Argument(help="The CRM, by its name; its emulator is started.")],
    *,
    messages: Annotated[int, typer.Option(help="Messages that wait.", min=1)] = 10_000,
    chats: Annotated[int, typer.Option(help="Customers who wrote them.", min=1)] = 100,
    rounds: Rounds = 1,
    quick: Quick = False,
    database_url: Database = "",
    report: Report = None,
) -> None:
    """How fast a backlog goes into a CRM that keeps to its limit, and how many calls it takes."""
    from middleware.bench import drain  # noqa: PLC0415  # see above

    wishes = _wishes(rounds, 0.0, quick, database_url)
    if quick:
        messages, chats = min(messages, 60), min(chats, 12)
    backlog = drain.Backlog(crm=crm_in(session_of(context), crm), messages=messages, chats=chats)
    _tell(context, _found(context, drain.measure(wishes, backlog)), report)


def _wishes(
    rounds: int, seconds: float, quick: bool, database_url: str, only: list[str] | None = None
) -> Wishes:
    if quick:
        rounds, seconds = 1, 1.0
    chosen = tuple(only or ())
    return Wishes(rounds=rounds, seconds=seconds, database_url=database_url, only=chosen)


def _found(context: typer.Context, measuring: Coroutine[Any, Any, Findings]) -> Findings:
    """Measure until done or told to stop; nothing that was started outlives us."""
    session = session_of(context)
    if sys.platform != "linux":
        session.fail("Processes are counted in /proc, which is Linux's: measure there.", BROKEN)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(until_told(measuring))
    except TrialFailed as why:
        session.fail(str(why), BROKEN)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None


def _tell(context: typer.Context, findings: Findings, report: Path | None) -> None:
    show(findings, session_of(context).out)
    if report is not None:
        findings.write(report)
