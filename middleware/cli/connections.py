"""`threadline connections`, `pause`, `resume`, `disconnect`."""

from typing import Annotated

import typer

from middleware.cli.session import Json, Session, moment, pick, session_of
from middleware.hub import Hub
from middleware.operations.accounts import flow
from middleware.operations.accounts.store import ConnectionHealth
from middleware.operations.model import Caller

Which = Annotated[str, typer.Argument(help="Id, the beginning of one, account, or title.")]
HEADINGS = (
    *("id", "provider", "account", "title", "state", "unread", "waiting", "set aside"),
    *("due", "held", "dead", "last arrival", "refused"),
)


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    for command in (connections, pause, resume, disconnect):
        app.command()(command)


def connections(context: typer.Context, as_json: Json = False) -> None:
    """List connections with their health."""
    session = session_of(context)
    found = session.run(flow.health)
    if as_json:
        session.json(found)
    else:
        session.table(HEADINGS, [_row(each) for each in found])
        for each in found:
            for gone in each.missing:
                session.print(f"{each.title}: {gone}", style="red")


def _row(each: ConnectionHealth) -> tuple[object, ...]:
    state = f"{each.state}: {each.reason}" if each.reason else each.state
    return (
        *(each.id, each.provider, each.account, each.title, state),
        *(each.unread, each.waiting, each.set_aside, each.due_lanes, each.held, each.dead),
        moment(each.last_arrival),
        each.refused,
    )


def pause(context: typer.Context, which: Which) -> None:
    """Stop serving an account for a while. Hooks are still kept, and what is owed waits."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> str:
        found = await pick(session, hub, caller, which)
        await flow.pause(hub, caller, found.id)
        return found.title

    session.say("paused", title=session.run(work))


def resume(context: typer.Context, which: Which) -> None:
    """Check an account, set it up again, and go on with everything that waited."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> tuple[str, tuple[str, ...]]:
        found = await pick(session, hub, caller, which)
        return found.title, await flow.resume(hub, caller, found.id)

    title, notes = session.run(work)
    session.say("resumed", title=title)
    _tell(session, notes)


def disconnect(
    context: typer.Context,
    which: Which,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put back what was changed at the provider, and stop serving the account for good."""
    session = session_of(context)
    if not yes:
        typer.confirm(session.word("sure", which=which), abort=True)

    async def work(hub: Hub, caller: Caller) -> tuple[str, tuple[str, ...]]:
        found = await pick(session, hub, caller, which)
        return found.title, await flow.disconnect(hub, caller, found.id)

    title, notes = session.run(work)
    session.say("disconnected", title=title)
    _tell(session, notes)


def _tell(session: Session, notes: tuple[str, ...]) -> None:
    for note in notes:
        session.print(f"  {note}", style="yellow")
