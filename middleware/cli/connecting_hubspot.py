"""`threadline connect hubspot`: by an administrator's consent, or by a token made by hand."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.cli.registrations import (
    At,
    Title,
    begin,
    file_in,
    registration_of,
    tell_connected,
)
from middleware.cli.session import Session, secret_from, session_of, uuid_of
from middleware.connections.flow import ConnectedNow
from middleware.hub import Hub
from middleware.operations.consent import flow as consent
from middleware.operations.consent.flow import ByToken
from middleware.operations.model import Caller

HUBSPOT = "hubspot"
TOKEN = "THREADLINE_HUBSPOT_TOKEN"  # noqa: S105 - the name of a variable
SECRET = "THREADLINE_HUBSPOT_CLIENT_SECRET"  # noqa: S105 - the name of a variable
DEVELOPER_KEY = "THREADLINE_HUBSPOT_DEVELOPER_KEY"


class Entries(StrEnum):
    """What a message on cards is written as."""

    NOTES = "notes"
    COMMUNICATIONS = "communications"


Token = Annotated[
    str | None,
    typer.Option(
        envvar=TOKEN, help="Without an app: a service key (pat-…); - reads standard input."
    ),
]
ClientSecret = Annotated[
    str | None,
    typer.Option(envvar=SECRET, help="Client secret of the app; - reads standard input."),
]
DeveloperKey = Annotated[
    str | None,
    typer.Option(
        envvar=DEVELOPER_KEY,
        help="Developer API key, which registers the channel; - reads standard input.",
    ),
]
OnCards = Annotated[
    bool, typer.Option("--cards", help="Without a channel: messages are entries on cards.")
]
AsTickets = Annotated[
    bool, typer.Option("--tickets", help="Open tickets where another CRM would open deals.")
]
AppId = Annotated[str, typer.Option(help="App ID, a number, of the same app.")]
InInbox = Annotated[
    str, typer.Option(help="Inbox to use, by number or name; default: the first one.")
]
Application = Annotated[str | None, typer.Option(help="Id of a registration that is kept already.")]
ApplicationFile = Annotated[
    Path | None, typer.Option(help="YAML or JSON with the registration's values.", dir_okay=False)
]
Prefix = Annotated[str, typer.Option(help="On cards: what an answer begins with; default: //")]
EntryObject = Annotated[
    Entries | None, typer.Option(help="On cards: what a message is; default: notes")
]


def hubspot(
    context: typer.Context,
    client_id: Annotated[str, typer.Option(help="Client ID, from the app's Auth tab.")] = "",
    client_secret: ClientSecret = None,
    app_id: AppId = "",
    developer_key: DeveloperKey = None,
    inbox: InInbox = "",
    application: Application = None,
    application_file: ApplicationFile = None,
    token: Token = None,
    cards: OnCards = False,
    tickets: AsTickets = False,
    entries: EntryObject = None,
    reply_prefix: Prefix = "",
    api_base: Annotated[str, typer.Option(help="Another API server: an emulator.")] = "",
    title: Title = "",
) -> None:
    """Connect a HubSpot portal, by its administrator's consent or by a service key."""
    session = session_of(context)
    ways = {
        "timeline": "cards" if cards else "",
        "case": "tickets" if tickets else "",
        "entry_object": entries.value if entries else "",
        "reply_prefix": reply_prefix,
        "inbox": inbox,
    }
    said = {
        "client_id": client_id,
        "client_secret": secret_from(client_secret),
        "app_id": app_id,
        "developer_key": secret_from(developer_key),
        "api_base": api_base,
    }
    if key := secret_from(token):
        _by_token(session, _Given(token=key, base=api_base, title=title, ways=_named(ways)))
        return
    values = file_in(session, application_file) | _named(said) | _named(ways)
    known = None if application is None else uuid_of(session, application)

    async def work(hub: Hub, caller: Caller) -> str:
        at = At(session, hub, caller, HUBSPOT)
        return await begin(at, await registration_of(at, known, values))

    url = session.run(work)
    session.hint("authorize")
    session.print(url)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A token made by hand, and how the account is used."""

    token: str = field(repr=False)
    base: str
    title: str
    ways: dict[str, Any]


def _by_token(session: Session, given: _Given) -> None:
    by_token = ByToken(
        provider=HUBSPOT,
        base=given.base,
        token=given.token,
        title=given.title,
        values={**given.ways, "timeline": "cards"},
    )

    async def work(hub: Hub, caller: Caller) -> ConnectedNow:
        return await consent.connect_by_token(hub, caller, by_token)

    tell_connected(session, session.run(work), given.title)


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
