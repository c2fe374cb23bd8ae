"""`threadline token …`, `secrets …`, `audit`."""

import json
from typing import Annotated

import typer
from cryptography.fernet import Fernet

from middleware.cli.session import Json, moment, session_of, uuid_of
from middleware.hub import Hub
from middleware.operations.access import flow
from middleware.operations.access.flow import NewToken, Rotated
from middleware.operations.access.rules import Scope
from middleware.operations.access.store import AuditLine
from middleware.operations.model import Caller, Page


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    token = typer.Typer(help="Tokens of the API.", no_args_is_help=True)
    token.command("create")(create)
    token.command("list")(list_tokens)
    token.command("revoke")(revoke)
    app.add_typer(token, name="token")
    secrets = typer.Typer(help="The keys that secrets are sealed with.", no_args_is_help=True)
    secrets.command("rotate")(rotate)
    secrets.command("reseal")(reseal)
    secrets.command("new-key")(new_key)
    app.add_typer(secrets, name="secrets")
    app.command()(audit)


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[
        Scope, typer.Option(help="read looks, operate replays and decides, admin connects.")
    ] = Scope.READ,
) -> None:
    """Create a token. It is printed once, alone on standard output."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> NewToken:
        return await flow.create_token(hub, caller, name, frozenset({scope}))

    made = session.run(work)
    session.print(made.token)
    session.hint("token_once", id=made.id)


def list_tokens(context: typer.Context, as_json: Json = False) -> None:
    """List tokens, revoked ones too. The tokens themselves are not kept."""
    session = session_of(context)
    found = session.run(flow.tokens)
    if as_json:
        session.json(found)
        return
    rows = [
        (t.id, t.name, ", ".join(t.scopes), moment(t.created_at), moment(t.revoked_at))
        for t in found
    ]
    session.table(("id", "name", "scopes", "created", "revoked"), rows)


def revoke(
    context: typer.Context, which: Annotated[str, typer.Argument(help="Id of the token.")]
) -> None:
    """End a token for good."""
    session = session_of(context)
    token = uuid_of(session, which)

    async def work(hub: Hub, caller: Caller) -> None:
        await flow.revoke_token(hub, caller, token)

    session.run(work)
    session.say("revoked")


def rotate(
    context: typer.Context,
    drop_old: Annotated[
        bool,
        typer.Option("--drop-old", help="Forget the old keys; earlier links stop working."),
    ] = False,
) -> None:
    """Seal every secret with a new key. The hub has to be stopped."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Rotated:
        return await flow.rotate_secrets(hub, caller, drop_old=drop_old)

    done = session.run(work)
    session.say("rotated", count=done.resealed, keys=done.keys)
    if drop_old:
        session.hint("old_links")


def reseal(context: typer.Context) -> None:
    """Seal every secret with the first of the keys in THREADLINE_SECRET_KEYS."""
    session = session_of(context)
    done = session.run(flow.reseal_secrets)
    session.say("rotated", count=done.resealed, keys=done.keys)


def new_key() -> None:
    """Print a new key, for THREADLINE_SECRET_KEYS. Nothing is changed."""
    typer.echo(Fernet.generate_key().decode())


def audit(
    context: typer.Context,
    subject: Annotated[str, typer.Option("--of", help="Only what was done to this id.")] = "",
    cursor: Annotated[str, typer.Option(help="Go on where a page ended.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    as_json: Json = False,
) -> None:
    """List who did what, the newest first."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Page[AuditLine]:
        return await flow.audit(hub, caller, subject=subject, cursor=cursor, limit=limit)

    page = session.run(work)
    if as_json:
        session.json(page)
        return
    rows = [
        (moment(e.at), e.actor, e.action, e.subject, json.dumps(e.detail, ensure_ascii=False))
        for e in page.items
    ]
    session.table(("at", "who", "what", "of", "detail"), rows)
    if page.next:
        session.hint("more", cursor=page.next)
