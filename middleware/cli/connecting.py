"""`threadline connect …`: one command for each provider, because each asks for other things."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from middleware.cli.connecting_hubspot import hubspot
from middleware.cli.registrations import (
    At,
    Title,
    begin,
    file_in,
    registration_of,
    tell_connected,
)
from middleware.cli.session import Session, secret_from, session_of, uuid_of
from middleware.connections.flow import ConnectedNow, Wanted
from middleware.connections.model import ConnectionSettings
from middleware.hub import Hub
from middleware.operations.accounts import flow as accounts
from middleware.operations.consent import flow as consent
from middleware.operations.consent.flow import ByToken
from middleware.operations.model import Caller

TELEGRAM_TOKEN = "THREADLINE_TELEGRAM_TOKEN"  # noqa: S105 - the name of a variable
AMOCRM_TOKEN = "THREADLINE_AMOCRM_TOKEN"  # noqa: S105 - the name of a variable
AMOCRM_SECRET = "THREADLINE_AMOCRM_CLIENT_SECRET"  # noqa: S105 - the name of a variable
BITRIX24_SECRET = "THREADLINE_BITRIX24_CLIENT_SECRET"  # noqa: S105 - the name of a variable
BITRIX24_WEBHOOK = "THREADLINE_BITRIX24_WEBHOOK"
BITRIX24_OUTGOING = "THREADLINE_BITRIX24_OUTGOING_TOKEN"
OpenLine = Annotated[
    str, typer.Option(help="Open line to use, by number or name; without it one is made.")
]
OnCards = Annotated[
    bool, typer.Option("--cards", help="Without open lines: messages are activities on cards.")
]
Webhook = Annotated[
    str | None,
    typer.Option(
        envvar=BITRIX24_WEBHOOK,
        help="Without an application: the address of an incoming webhook; - reads standard input.",
    ),
]
Outgoing = Annotated[
    str | None,
    typer.Option(
        envvar=BITRIX24_OUTGOING,
        help="With --webhook: the token of an outgoing webhook, which tells of deletions.",
    ),
]
Prefix = Annotated[str, typer.Option(help="On cards: what an answer begins with; default: //")]


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    connect = typer.Typer(help="Connect an account of a channel or a CRM.", no_args_is_help=True)
    connect.command("telegram")(telegram)
    connect.command("amocrm")(amocrm)
    connect.command("bitrix24")(bitrix24)
    connect.command("hubspot")(hubspot)
    app.add_typer(connect, name="connect")


def telegram(
    context: typer.Context,
    token: Annotated[
        str | None,
        typer.Option(envvar=TELEGRAM_TOKEN, help="Token of the bot; - reads standard input."),
    ] = None,
    listen: Annotated[
        bool | None,
        typer.Option(
            "--listen/--webhook",
            help="Poll, or be called at the public address; default: whichever is possible.",
        ),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace another system's webhook.")
    ] = False,
    api_base: Annotated[str, typer.Option(help="Another Bot API server, or an emulator.")] = "",
    title: Title = "",
) -> None:
    """Connect a Telegram bot."""
    session = session_of(context)
    given = secret_from(token)
    if not given:
        session.fail(session.word("need_token", name=TELEGRAM_TOKEN))
    values = {"token": given, **({"api_base": api_base} if api_base else {})}
    wanted = Wanted(
        provider="telegram",
        values=values,
        title=title,
        listen=listen,
        take_over=take_over,
        settings=ConnectionSettings(language=session.language),
    )

    async def work(hub: Hub, caller: Caller) -> ConnectedNow:
        return await accounts.connect(hub, caller, wanted)

    tell_connected(session, session.run(work), title)


def amocrm(
    context: typer.Context,
    base: Annotated[str, typer.Option(help="The account: https://company.amocrm.ru")] = "",
    token: Annotated[
        str | None,
        typer.Option(envvar=AMOCRM_TOKEN, help="Long-lived token; - reads standard input."),
    ] = None,
    application: Annotated[
        str | None, typer.Option(help="Id of a registration that is kept already.")
    ] = None,
    application_file: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON with the registration's values.", dir_okay=False),
    ] = None,
    client_id: Annotated[str, typer.Option(help="Integration id, from its Keys tab.")] = "",
    client_secret: Annotated[
        str | None,
        typer.Option(envvar=AMOCRM_SECRET, help="Secret key; - reads standard input."),
    ] = None,
    notes: Annotated[
        bool,
        typer.Option(
            "--notes", help="Without chats: messages are notes on cards; a token is enough."
        ),
    ] = False,
    reply_prefix: Annotated[
        str, typer.Option(help="With --notes: what an answer begins with; default: //")
    ] = "",
    title: Title = "",
) -> None:
    """Connect an amoCRM account, by a long-lived token or by its administrator's consent."""
    session = session_of(context)
    values = file_in(session, application_file)
    if client_id:
        values["client_id"] = client_id
    if secret := secret_from(client_secret):
        values["client_secret"] = secret
    given = _Given(
        base=base,
        token=secret_from(token),
        known=None if application is None else uuid_of(session, application),
        values=values,
        notes=_about_notes(reply_prefix) if notes else {},
        title=title,
    )
    _connect_amocrm(session, given)


def bitrix24(
    context: typer.Context,
    client_id: Annotated[
        str, typer.Option(help="Application ID (client_id), from its card in the portal.")
    ] = "",
    client_secret: Annotated[
        str | None,
        typer.Option(
            envvar=BITRIX24_SECRET, help="Application key (client_secret); - reads standard input."
        ),
    ] = None,
    line: OpenLine = "",
    application_file: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON with the registration's values.", dir_okay=False),
    ] = None,
    cards: OnCards = False,
    webhook: Webhook = None,
    outgoing_token: Outgoing = None,
    reply_prefix: Prefix = "",
    title: Title = "",
) -> None:
    """Connect a Bitrix24 portal: register an application to be installed there, or by a webhook."""
    session = session_of(context)
    prefix = {"reply_prefix": reply_prefix} if reply_prefix else {}
    if address := secret_from(webhook):
        token = {"application_token": secret_from(outgoing_token)} if outgoing_token else {}
        _connect_by_webhook(session, {"webhook": address, **token, **prefix}, title)
        return
    given = {
        "timeline": "cards" if cards else "",
        "client_id": client_id,
        "client_secret": secret_from(client_secret),
        "line": line,
        **prefix,
    }
    values = file_in(session, application_file) | {k: v for k, v in given.items() if v}

    if "client_id" not in values:
        session.fail(session.word("need_application"))

    async def work(hub: Hub, caller: Caller) -> str:
        registration, _ = await accounts.register(hub, caller, "bitrix24", values)
        session.hint("registered", id=registration)
        return accounts.install_address(hub, "bitrix24", registration)

    address = session.run(work)
    session.hint("install")
    session.print(address)


def _connect_by_webhook(session: Session, values: dict[str, Any], title: str) -> None:
    settings = ConnectionSettings(language=session.language)
    wanted = Wanted(provider="bitrix24", values=values, title=title, settings=settings)

    async def work(hub: Hub, caller: Caller) -> ConnectedNow:
        return await accounts.connect(hub, caller, wanted)

    tell_connected(session, session.run(work), title)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a person said: `values` of the registration, `notes` of the account itself."""

    base: str
    token: str = field(repr=False)
    known: UUID | None
    values: dict[str, Any] = field(repr=False)
    notes: dict[str, str]
    title: str


def _connect_amocrm(session: Session, given: _Given) -> None:
    if given.token and not given.base:
        session.fail(session.word("need_base"))
    if given.notes and not given.token:
        session.fail(session.word("need_long_lived", name=AMOCRM_TOKEN))

    async def work(hub: Hub, caller: Caller) -> ConnectedNow | str:
        registration = None
        if not given.notes or given.known is not None or given.values:
            asked = given.known, given.values
            registration = await registration_of(
                At(session, hub, caller, "amocrm"), *asked, tail="/:scope_id"
            )
        if registration is not None and not given.token:
            return await begin(At(session, hub, caller, "amocrm"), registration)
        by_token = ByToken(
            provider="amocrm",
            application=registration,
            base=given.base,
            token=given.token,
            title=given.title,
            values=given.notes,
        )
        return await consent.connect_by_token(hub, caller, by_token)

    done = session.run(work)
    if isinstance(done, str):
        session.hint("authorize")
        session.print(done)
    else:
        tell_connected(session, done, given.title)


def _about_notes(reply_prefix: str) -> dict[str, str]:
    return {"timeline": "notes", **({"reply_prefix": reply_prefix} if reply_prefix else {})}
