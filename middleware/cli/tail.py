"""`threadline tail`: what happens, as it happens."""

from typing import Annotated

import typer

from middleware.cli.session import Json, Session, moment, session_of
from middleware.hub import Hub
from middleware.operations.feed import flow
from middleware.operations.feed.store import Happening
from middleware.operations.model import Caller


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(tail)


def tail(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show the latest and end.")] = False,
    limit: Annotated[int, typer.Option(help="Begin with so many.", min=1, max=500)] = 20,
    as_json: Json = False,
) -> None:
    """Follow messages and tries at deliveries; what people said is hidden."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> None:
        for happening in await flow.latest(hub, caller, limit=limit):
            _show(session, happening, as_json=as_json)
        if once:
            return
        async for happening in flow.follow(hub, caller):
            _show(session, happening, as_json=as_json)

    session.run(work)


def _show(session: Session, happening: Happening, *, as_json: bool) -> None:
    if as_json:
        session.json(happening)
        return
    code = f" ({happening.code})" if happening.code else ""
    said = f" {happening.words}" if happening.words else ""
    session.print(
        f"{moment(happening.at)} {happening.title}: {happening.kind} {happening.detail}{code}"
        f"{said} {happening.id}"
    )
