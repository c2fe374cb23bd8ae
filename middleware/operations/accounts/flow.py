"""Connecting, pausing, routing: the flows of `connections`, kept to one workspace and on record."""

from collections.abc import Mapping
from dataclasses import replace
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from crm_clients.contract import HasCatalogue
from mappers.vocabulary import ConnectionId, ProviderError, WorkspaceId
from mappers.vocabulary.adapters import Finding
from middleware.connections import flow as connections
from middleware.connections.flow import ConnectedNow, Wanted
from middleware.connections.model import UnknownConnection
from middleware.connections.sources import routes_at, take_sources_back, tell_sources
from middleware.connections.store import ConnectionRow
from middleware.errors import BadRequest, Conflict, NotFound
from middleware.http.gateway import without_lease
from middleware.hub import Hub
from middleware.operations.access.store import AccessStore
from middleware.operations.accounts.answering import problems_of_users, users_named
from middleware.operations.accounts.policies import (
    DEFAULTS,
    changed_from_usual,
    typed,
)
from middleware.operations.accounts.rules import (
    End,
    completed,
    problems_of_route,
    spelt_as_identity,
)
from middleware.operations.accounts.store import (
    AccountStore,
    ApplicationLine,
    ConnectionHealth,
    SealedApplication,
)
from middleware.operations.model import Caller
from middleware.operations.unfilled import flow as unfilled
from middleware.operations.unfilled.model import MissingTarget
from middleware.pipeline.planning import Planner
from middleware.registry import manifest_of
from middleware.store.codec import decode_policy, encode_policy
from middleware.store.policy import Policy
from middleware.store.rows import RouteRow

FIELD_IS_GONE = (
    "put a version in force that writes elsewhere (`threadline mapping push`), and the values"
    " follow; or bring the field back, then `threadline replay --code hub.field_gone --yes`"
)


class BadRoute(BadRequest):
    """A route that could not do what it says."""

    code = "route.refused"


async def own(hub: Hub, caller: Caller, connection: ConnectionId) -> ConnectionRow:
    """Return a connection of the caller's workspace that was not disconnected.

    Raises: `NotFound`, also for a connection of somebody else.
    """
    try:
        row = await hub.connections.get(connection)
    except UnknownConnection:
        row = None
    if row is None or row.workspace != caller.workspace or row.state == "removed":
        raise NotFound(f"There is no connection {connection}.")
    return row


async def health(hub: Hub, caller: Caller) -> tuple[ConnectionHealth, ...]:
    found = await AccountStore(hub.engine).health(caller.workspace)
    missing = await unfilled.missing(hub, caller)
    return tuple(_with_missing(each, missing) for each in found)


async def health_of(hub: Hub, caller: Caller, connection: ConnectionId) -> ConnectionHealth:
    """Raises: `NotFound`."""
    found = await AccountStore(hub.engine).health(caller.workspace, connection)
    if not found:
        raise NotFound(f"There is no connection {connection}.")
    return _with_missing(found[0], await unfilled.missing(hub, caller, connection))


def _with_missing(health: ConnectionHealth, missing: tuple[MissingTarget, ...]) -> ConnectionHealth:
    return replace(health, missing=tuple(m for m in missing if m.connection == health.id))


async def connect(hub: Hub, caller: Caller, wanted: Wanted) -> ConnectedNow:
    """Connect an account. Raises: as `connections.flow.connect`; `NotFound`."""
    manifest = manifest_of(wanted.provider)
    if wanted.application is not None:
        await own_application(hub, caller, wanted.application)
    can_poll = bool(getattr(manifest.can, "polls", False))
    listens = can_poll and not hub.settings.public_url if wanted.listen is None else wanted.listen
    values = completed(
        wanted.values, manifest.config.model_fields, listens=listens, secret=token_urlsafe(32)
    )
    done = await connections.connect(hub, caller.workspace, replace(wanted, values=values))
    await _note(hub, caller, "connection.connected", done.id, provider=wanted.provider)
    return done


async def pause(hub: Hub, caller: Caller, connection: ConnectionId) -> None:
    """Raises: `NotFound`."""
    await own(hub, caller, connection)
    await connections.pause(hub, connection)
    await _note(hub, caller, "connection.paused", connection)


async def resume(hub: Hub, caller: Caller, connection: ConnectionId) -> tuple[str, ...]:
    """Raises: `NotFound`, `ProviderRefused`, `Conflict`."""
    await own(hub, caller, connection)
    notes = await connections.resume(hub, connection)
    await _note(hub, caller, "connection.resumed", connection)
    return notes


async def disconnect(hub: Hub, caller: Caller, connection: ConnectionId) -> tuple[str, ...]:
    """Raises: `NotFound`."""
    await own(hub, caller, connection)
    notes = await connections.disconnect(hub, connection)
    await _note(hub, caller, "connection.disconnected", connection)
    return notes


async def diagnose(hub: Hub, caller: Caller, connection: ConnectionId) -> tuple[Finding, ...]:
    """Raises: `NotFound`."""
    await own(hub, caller, connection)
    gone = tuple(
        Finding(level="problem", what=str(each), advice=FIELD_IS_GONE)
        for each in await unfilled.missing(hub, caller, connection)
    )
    return (*await connections.diagnose(hub, connection), *gone)


# Registrations.


async def register(
    hub: Hub, caller: Caller, provider: str, values: Mapping[str, Any]
) -> tuple[UUID, str]:
    """Keep our registration at a provider; return its id and the address of its hooks.

    Of one that is kept already, only what is given changes.
    Raises: `BadRequest`; `Conflict` when another workspace has registered the same.
    """
    external = str(values.get("client_id", ""))
    known = await AccountStore(hub.engine).registered(provider, external)
    given = dict(values)
    if known is not None:
        if known.workspace != caller.workspace:
            raise Conflict("This registration is used by another workspace of this installation.")
        given = {**hub.vault.open(known.config), "hook_address": _hooks(hub, known), **values}
    manifest = manifest_of(provider)
    asked = manifest.application.model_fields if manifest.application is not None else {}
    if "redirect_uri" in asked and not given.get("redirect_uri") and hub.settings.public_url:
        given["redirect_uri"] = redirect_uri(hub, provider)
    application, hooks = await connections.register_application(
        hub, caller.workspace, provider, given
    )
    await _note(hub, caller, "application.registered", application, provider=provider)
    return application, hooks


def _hooks(hub: Hub, known: SealedApplication) -> str:
    return hub.settings.hook_address(known.line.address)


def redirect_uri(hub: Hub, provider: str) -> str:
    """Where a consent page sends people back to."""
    return f"{hub.settings.public_url.rstrip('/')}/oauth/{provider}/callback"


def install_address(hub: Hub, provider: str, application: UUID) -> str:
    """Where an account posts to when our registration is installed in it.

    Raises: `BadRequest` where nobody could reach it.
    """
    if not hub.settings.public_url:
        raise BadRequest(
            "An account that installs us has to reach us: set THREADLINE_PUBLIC_URL and begin"
            " again."
        )
    return f"{hub.settings.public_url.rstrip('/')}/oauth/{provider}/install/{application}"


async def applications(hub: Hub, caller: Caller) -> tuple[ApplicationLine, ...]:
    return await AccountStore(hub.engine).applications(caller.workspace)


async def own_application(hub: Hub, caller: Caller, application: UUID) -> SealedApplication:
    """Raises: `NotFound`."""
    found = await AccountStore(hub.engine).application(application)
    if found is None or found.workspace != caller.workspace:
        raise NotFound(f"There is no registration {application}.")
    return found


# Routes.


async def routes(hub: Hub, caller: Caller) -> tuple[RouteRow, ...]:
    return await AccountStore(hub.engine).routes(caller.workspace)


async def set_route(
    hub: Hub,
    caller: Caller,
    source: ConnectionId,
    target: ConnectionId,
    policy: Mapping[str, Any],
) -> Policy:
    """Let a channel's messages go to a CRM; what `policy` does not name takes its default.

    Raises: `NotFound`; `BadRoute` with every reason.
    """
    begins, ends = await own(hub, caller, source), await own(hub, caller, target)
    problems = problems_of_route(_end(hub, begins), _end(hub, ends), policy)
    problems = problems or await _problems_of_users(hub, ends, policy)
    if problems:
        raise BadRoute(" ".join(problems))
    pilot = [spelt_as_identity(each) for each in policy.get("pilot", ())]
    decided = decode_policy({**typed(policy), "pilot": pilot})
    await hub.connections.set_route(caller.workspace, source, target, decided)
    await tell_sources(hub, source)
    await _note(hub, caller, "route.set", source, target=str(target), policy=_told(decided))
    if decided.operator_name != "none":
        await _learn_names(hub, caller, target)
    return decided


async def change_route(
    hub: Hub,
    caller: Caller,
    source: ConnectionId,
    target: ConnectionId,
    changes: Mapping[str, Any],
) -> Policy:
    """Change what is named and keep what is not; None puts a default back.

    A route that is new, or was stopped, begins with the defaults.
    Raises: `NotFound`; `BadRoute` with every reason.
    """
    kept = {
        name: value
        for route in await routes(hub, caller)
        if (route.source, route.target) == (source, target)
        for name, value in changed_from_usual(route.policy).items()
    }
    back = {name: DEFAULTS.get(name) for name, value in changes.items() if value is None}
    return await set_route(hub, caller, source, target, {**kept, **changes, **back})


async def _learn_names(hub: Hub, caller: Caller, crm: ConnectionId) -> None:
    """Ask what operators are called before the first of them replies."""
    async with hub.store.unit() as unit:
        await Planner(unit, hub.clock.now()).ask_names(caller.workspace, crm)
    hub.executor.wake({crm})


async def _problems_of_users(
    hub: Hub, target: ConnectionRow, policy: Mapping[str, Any]
) -> tuple[str, ...]:
    """Ask the account for its users, where some are named. One that is away is not waited for."""
    named = users_named(policy)
    adapter: object = hub.directory.build(target, without_lease).adapter if named else None
    if not isinstance(adapter, HasCatalogue):
        return ()
    try:
        known = await adapter.catalogue()
    except ProviderError:
        return ()
    return problems_of_users(named, known.operators, target.title)


async def drop_route(hub: Hub, caller: Caller, source: ConnectionId, target: ConnectionId) -> None:
    """Stop a route. What was planned already is still delivered. Raises: `NotFound`."""
    await own(hub, caller, source)
    await own(hub, caller, target)
    stopped = await routes_at(hub, source, target)
    await hub.connections.drop_route(source, target)
    await take_sources_back(hub, stopped)
    await _note(hub, caller, "route.dropped", source, target=str(target))


def _told(policy: Policy) -> dict[str, Any]:
    """What the audit log keeps of a policy: of the customers in its pilot, only how many."""
    changed = encode_policy(policy)
    told = {name: changed[name] for name in changed_from_usual(policy)}
    return {**told, "pilot": len(policy.pilot)} if policy.pilot else told


def _end(hub: Hub, row: ConnectionRow) -> End:
    can = hub.directory.can(row)
    return End(
        kind=row.kind,
        title=row.title,
        state=row.state,
        opens_own_deals=bool(getattr(can, "opens_own_deals", False)),
        gives_tasks=bool(getattr(can, "tasks", False)),
        keeps_quiet=bool(getattr(can, "keeps_quiet", False)),
    )


async def _note(hub: Hub, caller: Caller, action: str, subject: UUID, **detail: Any) -> None:
    await AccessStore(hub.engine).note(caller, action, str(subject), **detail)


async def first_workspace(hub: Hub) -> WorkspaceId:
    """The workspace that the command line speaks for."""
    return await hub.connections.workspace()
