"""Connecting and disconnecting accounts, checked against the provider before anything is kept."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from mappers.vocabulary import (
    Account,
    AuthExpired,
    ConnectionId,
    Priority,
    ProviderError,
    WorkspaceId,
)
from mappers.vocabulary.adapters import (
    Diagnoses,
    Finding,
    Polls,
    RefreshesCredentials,
    SetsUp,
    TakenBySomeoneElse,
)
from middleware.connections.model import ConnectionSettings
from middleware.connections.sources import routes_at, take_sources_back, tell_sources
from middleware.connections.store import ConnectionRow, NewConnection
from middleware.errors import BadRequest, Conflict, HubError
from middleware.http.gateway import without_lease
from middleware.http.urgency import urgent
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.registry import AnyManifest, kind_of, manifest_of
from middleware.secrets import exposed, new_address, plain

log = structlog.get_logger(__name__)
# A process that has just started takes every budget for spent, and leaves room for replies alone.
A_PERSON_WAITS = Priority.REPLY


class ProviderRefused(HubError):
    """The provider did not accept the credentials or the set-up."""

    status = 502
    code = "provider.refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks to connect. Values are as typed, secrets among them.

    `listen`: poll the provider instead of being called; None lets the hub choose.
    `is_installed_anew`: the account itself replaced its credentials, whatever the old ones do yet.
    """

    provider: str
    values: Mapping[str, Any] = field(repr=False)
    application: UUID | None = None
    title: str = ""
    settings: ConnectionSettings = field(default_factory=ConnectionSettings)
    listen: bool | None = None
    take_over: bool = False
    is_installed_anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedNow:
    id: ConnectionId
    account: Account
    notes: tuple[str, ...] = ()


def validated(model: type[BaseModel], values: Mapping[str, Any], what: str) -> BaseModel:
    """Raises: `BadRequest`, naming the fields and never their values."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or what}: {e['msg']}" for e in error.errors()
        )
        raise BadRequest(f"The {what} cannot be used: {problems}.") from None


async def register_application(
    hub: Hub, workspace: WorkspaceId, provider: str, values: Mapping[str, Any]
) -> tuple[UUID, str]:
    """Keep our registration at a provider; return its id and the public address of its hooks."""
    manifest = manifest_of(provider)
    if manifest.application is None:
        raise BadRequest(f"{manifest.title} needs no registration of ours.")
    address = new_address()
    known = [row for row in await hub.connections.applications() if row.provider == provider]
    external = str(values.get("client_id", ""))
    for row in known:
        if row.external == external:
            address = row.address
    hooks = hub.settings.hook_address(address)
    config = validated(manifest.application, {"hook_address": hooks, **values}, "registration")
    sealed = hub.vault.seal(exposed(config))
    application, _ = await hub.connections.save_application(
        workspace, provider, external, sealed, address
    )
    await hub.addresses.reload()
    return application, hooks


async def connect(hub: Hub, workspace: WorkspaceId, wanted: Wanted) -> ConnectedNow:
    """Check the credentials, keep them, set the provider up, and begin to serve the account.

    An account that we were shut out of, or that a person paused, is taken up again where it was.
    Raises: `BadRequest`, `Conflict`, `ProviderRefused`. What was kept before a refusal stays
    paused and can be resumed or disconnected.
    """
    manifest = manifest_of(wanted.provider)
    config = validated(manifest.config, wanted.values, "configuration")
    listens = _listens(hub, manifest, wanted, manifest.can_of(config))
    draft = await _draft(hub, workspace, wanted, config)
    account = await _checked(_adapter(hub, draft))
    names = manifest.accounts(config)
    known = await hub.connections.named(wanted.provider, names[0])
    own = known if known is not None and known.workspace == workspace else None
    if own is not None and (wanted.is_installed_anew or await _is_shut_out(hub, own)):
        connection = await _take_up(hub, own, wanted, config)
    else:
        connection = await hub.connections.add(
            NewConnection(
                workspace=workspace,
                kind=kind_of(wanted.provider),
                provider=wanted.provider,
                account=names[0],
                aliases=names[1:],
                title=wanted.title or account.title,
                config=hub.vault.seal(exposed(config)),
                address=new_address(),
                settings=wanted.settings,
                listens=listens,
                application=wanted.application,
            )
        )
    notes = await set_up(hub, connection, take_over=wanted.take_over)
    await hub.connections.set_state(connection, "active")
    await hub.addresses.reload()
    await tell_sources(hub, connection)
    log.info("connection.connected", connection_id=str(connection), provider=wanted.provider)
    return ConnectedNow(id=connection, account=account, notes=(*account.warnings, *notes))


async def _is_shut_out(hub: Hub, known: ConnectionRow) -> bool:
    """Say whether a connection is out of work: two that work would take each other's messages.

    One that is believed to work may have been removed at the provider without our being told.
    """
    if known.state != "active":
        return True
    try:
        await hub.directory.build(await fresh(hub, known.id), without_lease).adapter.check()
    except ProviderError as error:
        return isinstance(error.failure, AuthExpired)
    return False


async def _take_up(
    hub: Hub, known: ConnectionRow, wanted: Wanted, config: BaseModel
) -> ConnectionId:
    """Go on with a connection under new credentials; what we remembered of the account stays.

    Raises: `Conflict` where it would be used in another way: what we remember would mislead us.
    """
    given = {k: v for k, v in exposed(config).items() if k in config.model_fields_set}
    current = await hub.connections.get(known.id)
    before = hub.vault.open(current.config)
    if _mode(known.provider, before) != _mode(known.provider, {**before, **given}):
        raise Conflict(
            "This account is connected in another way, and its conversations lie elsewhere there."
            " Disconnect it, then connect it again: new conversations go the new way."
        )
    sealed = hub.vault.seal({**before, **given})
    if not await hub.connections.take_up(current, sealed, wanted.application):
        raise Conflict("Somebody else is connecting this account at this moment. Look again.")
    log.info("connection.taken_up", connection_id=str(known.id), provider=wanted.provider)
    return known.id


def _mode(provider: str, values: Mapping[str, Any]) -> str:
    manifest = manifest_of(provider)
    return manifest.mode(validated(manifest.config, values, "configuration"))


async def fresh(hub: Hub, connection: ConnectionId) -> ConnectionRow:
    """Return a connection, its credentials renewed if they are known to have run out."""
    connected = await hub.directory.get(connection)
    adapter = connected.adapter
    if isinstance(adapter, RefreshesCredentials) and adapter.is_stale(hub.clock.now()):
        with suppress(ProviderError):  # what is asked of the provider next will say why
            await hub.directory.renew(connected)
    return await hub.connections.get(connection)


def _listens(hub: Hub, manifest: AnyManifest, wanted: Wanted, can: Any) -> bool:
    can_poll = bool(getattr(can, "polls", False))
    if _is_asked_too(can):
        return True
    if wanted.listen and not can_poll:
        raise BadRequest(f"{manifest.title} cannot be polled: it has to reach us by a public URL.")
    if wanted.listen is not None:
        return wanted.listen
    return can_poll and not hub.settings.public_url


def _is_asked_too(can: Any) -> bool:
    """Say whether being asked for news does not keep the provider from calling us."""
    return bool(getattr(can, "polled", False))


def _hooks(hub: Hub, row: ConnectionRow) -> str:
    is_called = not row.listens or _is_asked_too(hub.directory.can(row))
    return hub.settings.hook_address(row.address) if is_called else ""


async def _draft(
    hub: Hub, workspace: WorkspaceId, wanted: Wanted, config: BaseModel
) -> ConnectionRow:
    """A row that is not kept yet, to build an adapter from."""
    application = None
    if wanted.application is not None:
        rows = await hub.connections.applications()
        application = next((row for row in rows if row.id == wanted.application), None)
    return ConnectionRow(
        id=ConnectionId(uuid7()),
        workspace=workspace,
        kind=kind_of(wanted.provider),
        provider=wanted.provider,
        account="",
        aliases=(),
        title=wanted.title,
        config=hub.vault.seal(exposed(config)),
        version=0,
        address="",
        state="paused",
        reason="",
        settings=wanted.settings,
        listens=False,
        created_at=hub.clock.now(),
        application=None if application is None else application.config,
    )


def _adapter(hub: Hub, draft: ConnectionRow) -> Any:
    """Raises: `BadRequest` for an address that the adapter does not believe."""
    try:
        return hub.directory.build(draft, without_lease).adapter
    except ValueError as refused:
        raise BadRequest(f"The configuration cannot be used: {refused}.") from refused


async def _checked(adapter: Any) -> Account:
    try:
        with urgent(A_PERSON_WAITS):
            account: Account = await adapter.check()
    except ProviderError as error:
        raise ProviderRefused(
            f"The provider did not accept these credentials ({error.failure.code}). "
            "Nothing was kept. Check them and connect again."
        ) from error
    return account


async def set_up(hub: Hub, connection: ConnectionId, *, take_over: bool) -> tuple[str, ...]:
    """Tell the provider where to call us, and keep what that changed. Safe to repeat."""
    row = await hub.connections.get(connection)
    adapter = hub.directory.build(row, without_lease).adapter
    if not isinstance(adapter, SetsUp):
        return ()
    try:
        with urgent(A_PERSON_WAITS):
            done = await adapter.set_up(_hooks(hub, row), take_over=take_over)
    except TakenBySomeoneElse as taken:
        raise Conflict(
            f"Another system receives this account's events: {taken.holder}. Connect with "
            "--take-over to replace it; it will stop receiving them."
        ) from taken
    except ProviderError as error:
        raise ProviderRefused(
            f"The provider refused the set-up ({error.failure.code}). The connection is kept, "
            "paused: fix the cause and `threadline resume` it."
        ) from error
    if done.changes:
        sealed = hub.vault.seal({**hub.vault.open(row.config), **plain(done.changes)})
        await hub.connections.set_config(connection, sealed, version=row.version)
    return done.notes


async def pause(hub: Hub, connection: ConnectionId) -> None:
    """Stop serving an account. Hooks are still kept, and what is owed waits."""
    await hub.connections.set_state(connection, "paused", "paused by a person")


async def resume(hub: Hub, connection: ConnectionId) -> tuple[str, ...]:
    """Check the account again, set it up again, and go on with everything that waited.

    Raises: `ProviderRefused`, `Conflict`.
    """
    row = await fresh(hub, connection)
    await _checked(hub.directory.build(row, without_lease).adapter)
    notes = await set_up(hub, connection, take_over=False)
    await hub.connections.set_state(connection, "active")
    await hub.addresses.reload()
    await tell_sources(hub, connection)
    hub.executor.wake([connection])
    return notes


async def disconnect(hub: Hub, connection: ConnectionId) -> tuple[str, ...]:
    """Put back what was changed at the provider and stop serving the account for good."""
    row = await fresh(hub, connection)
    notes: tuple[str, ...] = ()
    adapter = hub.directory.build(row, without_lease).adapter
    if isinstance(adapter, SetsUp):
        try:
            with urgent(A_PERSON_WAITS):
                await adapter.tear_down()
        except ProviderError as error:
            notes = (f"The provider did not let us clean up ({error.failure.code}).",)
    await take_sources_back(hub, await routes_at(hub, connection))
    await hub.connections.set_state(connection, "removed", "disconnected by a person")
    await hub.addresses.reload()
    return notes


async def diagnose(hub: Hub, connection: ConnectionId) -> tuple[Finding, ...]:
    """Say what stands between an account and working well. Changes nothing."""
    row = await hub.connections.get(connection)
    adapter = hub.directory.build(row, without_lease).adapter
    findings: list[Finding] = []
    if row.state != "active":
        findings.append(
            Finding(
                level="problem",
                what=f"the connection is {row.state}: {row.reason}",
                advice=f"fix the cause, then `threadline resume {row.id}`",
            )
        )
    if isinstance(adapter, Diagnoses):
        with urgent(A_PERSON_WAITS):
            findings += await adapter.diagnose(_hooks(hub, row))
    if row.listens and not isinstance(adapter, Polls):
        findings.append(Finding(level="problem", what="this account cannot be polled"))
    return tuple(findings)
