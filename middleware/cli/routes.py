"""`threadline route`, `routes`: an option for each thing that a route decides, from one table."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from inspect import Parameter, signature
from typing import Annotated, Any, get_origin

import typer

from middleware.cli.session import Json, Session, pick, session_of
from middleware.hub import Hub
from middleware.operations.accounts import flow
from middleware.operations.accounts.policies import HINTS, changed_from_usual, spelt_duration
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from middleware.store.rows import RouteRow

KINDS: Mapping[Any, Any] = {tuple: list[str] | None, bool: bool | None}
HELP: Mapping[str, str] = {
    "deal_owner": "hub or crm.",
    "deal_policy": "reuse_open or never.",
    "deal_rest": "How long a closed deal is still used: 3d, 12h.",
    "deal_scope": "contact or channel: whose one deal is.",
    "deal_on": "message or text: what opens a deal.",
    "thread_window": "How long an exchange goes on in one deal across channels: 2h.",
    "pipeline": "The CRM's id of the pipeline.",
    "stage": "The CRM's id of the stage.",
    "lane_policy": "skip or wait.",
    "on_doubt": "hold or resend; else as the connection has it.",
    "operator_name": "What the customer sees of who answers: none, first or full.",
    "pilot": "Carry only this customer, and others so named: phone, e-mail, @username or"
    " telegram:ID.",
    "dry_run": "Decide and show everything, and write nothing.",
    "responsible": "Users by the CRM's ids, separated by commas, or owner.",
    "responsible_fallback": "The user for when that one is not active any more.",
    "tags": "Tag the deals with this; may be repeated.",
    "answer_within": "Make a task when nobody answers for so long: 30m, 2h.",
    "hours": "Working hours: mon-fri 09:00-18:00, sat 10:00-14:00",
    "zone": "Time zone of the hours: Europe/Moscow",
}


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(with_policies(route))
    app.command()(routes)


def with_policies(command: Any) -> Any:
    """Give a command an option for each policy, in place of its `policies`."""
    known = signature(command)
    kept = [each for each in known.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    command.__signature__ = known.replace(parameters=[*kept, *_options()])
    return command


def _options() -> Iterator[Parameter]:
    for name, hint in HINTS.items():
        kind = KINDS.get(get_origin(hint) or hint, str | None)
        given = typer.Option(None, help=HELP[name])
        yield Parameter(name, Parameter.KEYWORD_ONLY, default=given, annotation=kind)


def route(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The channel's connection.")],
    target: Annotated[str, typer.Argument(help="The CRM's connection.")],
    off: Annotated[bool, typer.Option("--off", help="Stop the route.")] = False,
    default: Annotated[
        list[str] | None,
        typer.Option(help="Put back what a route usually decides: the name of an option."),
    ] = None,
    **policies: Any,
) -> None:
    """Let a channel's messages go to a CRM, and say how. What is left out stays as it is."""
    session = session_of(context)
    given = {name: value for name, value in policies.items() if value not in (None, [])}
    back = [name.removeprefix("--").replace("-", "_") for name in default or ()]
    if both := [name for name in back if name in given]:
        session.fail(session.word("either_or", names=", ".join(both)))
    changes = {**given, **dict.fromkeys(back)}

    async def work(hub: Hub, caller: Caller) -> tuple[str, str, Policy | None]:
        begins = await pick(session, hub, caller, source)
        ends = await pick(session, hub, caller, target)
        decided = None
        if off:
            await flow.drop_route(hub, caller, begins.id, ends.id)
        else:
            decided = await flow.change_route(hub, caller, begins.id, ends.id, changes)
        return begins.title, ends.title, decided

    begins, ends, decided = session.run(work)
    session.say("routed" if decided else "unrouted", source=begins, target=ends)
    if decided:
        session.print(f"  {_told(session, decided)}")


def routes(context: typer.Context, as_json: Json = False) -> None:
    """List routes with what they decide otherwise than usual."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> tuple[tuple[RouteRow, ...], dict[Any, str]]:
        titles = {each.id: each.title for each in await flow.health(hub, caller)}
        return await flow.routes(hub, caller), titles

    found, titles = session.run(work)
    if as_json:
        session.json(found)
        return
    rows = [
        (
            f"{titles.get(each.source, '')} ({each.source})",
            f"{titles.get(each.target, '')} ({each.target})",
            _told(session, each.policy),
        )
        for each in found
    ]
    session.table(("source", "target", "policy"), rows)


def _told(session: Session, policy: Policy) -> str:
    """Say what a route decides otherwise than usual, as it would be given."""
    changed = changed_from_usual(policy)
    said = (f"{name}: {_spelt(value)}" for name, value in changed.items())
    return "; ".join(said) or session.word("as_usual")


def _spelt(value: object) -> str:
    match value:
        case tuple():
            return ", ".join(value)
        case timedelta():
            return spelt_duration(value)
        case _:
            return str(value).lower() if isinstance(value, bool) else str(value)
