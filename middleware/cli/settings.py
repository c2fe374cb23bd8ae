"""`threadline settings`: what one connection decides."""

from dataclasses import fields
from datetime import timedelta
from typing import Annotated

import typer

from middleware.cli.connections import Which
from middleware.cli.session import pick, session_of
from middleware.connections.model import ConnectionSettings
from middleware.hub import Hub
from middleware.operations.accounts.policies import spelt_duration
from middleware.operations.accounts.settings import change
from middleware.operations.model import Caller


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(settings)


def settings(
    context: typer.Context,
    which: Which,
    on_doubt: Annotated[str | None, typer.Option(help="hold or resend.")] = None,
    reply_age_limit: Annotated[
        str | None, typer.Option(help="The oldest reply that is sent without asking: 24h.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ru or en: our own words there.")] = None,
    file_wait: Annotated[
        str | None, typer.Option(help="How long an entry waits for its file: 5s.")
    ] = None,
) -> None:
    """Show what a connection decides, or change it. What is left out stays as it is."""
    session = session_of(context)
    asked = {
        "on_doubt": on_doubt,
        "reply_age_limit": reply_age_limit,
        "language": language,
        "file_wait": file_wait,
    }
    given = {name: value for name, value in asked.items() if value is not None}

    async def work(hub: Hub, caller: Caller) -> ConnectionSettings:
        found = await pick(session, hub, caller, which)
        if given:
            return await change(hub, caller, found.id, given)
        return (await hub.connections.get(found.id)).settings

    now = session.run(work)
    for each in fields(now):
        value = getattr(now, each.name)
        said = spelt_duration(value) if isinstance(value, timedelta) else value
        session.print(f"{each.name}: {said}")
