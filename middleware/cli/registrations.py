"""What the commands that connect accounts share: registrations, files of values, what is said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import yaml

from middleware.cli.session import Session
from middleware.connections.flow import ConnectedNow
from middleware.hub import Hub
from middleware.operations.accounts import flow as accounts
from middleware.operations.accounts.store import ApplicationLine
from middleware.operations.consent import flow as consent
from middleware.operations.model import Caller

Title = Annotated[str, typer.Option(help="What to call it; default: as the provider does.")]


@dataclass(frozen=True, slots=True)
class At:
    """Who connects, where, and an account of which provider."""

    session: Session
    hub: Hub
    caller: Caller
    provider: str


async def registration_of(
    at: At, application: UUID | None, values: dict[str, Any], *, tail: str = ""
) -> UUID:
    """Find the registration that is meant, and keep what is new about it.

    `tail` is what the provider's page wants behind the address of hooks.
    """
    if "client_id" not in values:
        kept = await _kept(at, application)
        if not values:
            return kept.id
        values = {**values, "client_id": kept.external}
    registration, hooks = await accounts.register(at.hub, at.caller, at.provider, values)
    at.session.hint("registered", id=registration)
    if hooks:
        at.session.hint("hooks", address=f"{hooks}{tail}")
    return registration


async def begin(at: At, registration: UUID) -> str:
    """Return the page where an administrator gives consent."""
    url = await consent.authorize(at.hub, at.caller, registration)
    at.session.hint("callback", address=accounts.redirect_uri(at.hub, at.provider))
    return url


async def _kept(at: At, application: UUID | None) -> ApplicationLine:
    """The registration that was named, or the only one there is."""
    if application is not None:
        return (await accounts.own_application(at.hub, at.caller, application)).line
    every = await accounts.applications(at.hub, at.caller)
    kept = [each for each in every if each.provider == at.provider]
    if len(kept) > 1:
        ids = ", ".join(str(each.id) for each in kept)
        at.session.fail(at.session.word("many_applications", ids=ids))
    if not kept:
        at.session.fail(at.session.word("need_application"))
    return kept[0]


def file_in(session: Session, path: Path | None) -> dict[str, Any]:
    """Read a registration's values."""
    if path is None:
        return {}
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        session.fail(session.word("bad_file", path=path, why=type(error).__name__))
    if not isinstance(values, dict):
        session.fail(session.word("bad_file", path=path, why="?"))
    return values


def tell_connected(session: Session, done: ConnectedNow, title: str) -> None:
    session.say("connected", title=title or done.account.title, id=done.id)
    for note in done.notes:
        session.print(f"  {note}", style="yellow")
