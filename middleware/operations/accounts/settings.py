"""What a connection decides: read from what people give, changed one by one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args, get_type_hints

from mappers.vocabulary import ConnectionId
from middleware.connections.model import ConnectionSettings
from middleware.errors import BadRequest, Conflict
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.operations.access.store import AccessStore
from middleware.operations.accounts.flow import own
from middleware.operations.accounts.policies import duration
from middleware.operations.model import Caller

HINTS: Mapping[str, Any] = get_type_hints(ConnectionSettings)
LONGEST: Mapping[str, timedelta] = {
    "reply_age_limit": timedelta(days=365),
    "file_wait": timedelta(minutes=10),
}
BRIEFLY = timedelta(seconds=30)


class BadSetting(BadRequest):
    """A setting that could not be what it says."""

    code = "settings.refused"


async def change(
    hub: Hub, caller: Caller, connection: ConnectionId, given: Mapping[str, Any]
) -> ConnectionSettings:
    """Change what is named and keep what is not. Raises: `NotFound`; `BadSetting`; `Conflict`."""
    await own(hub, caller, connection)
    if problems := problems_of(given):
        raise BadSetting(" ".join(problems))
    # Credentials that are renewed at this moment can be used once: theirs is the next version.
    lease = await hub.store.acquire(connection, "refresh", f"settings:{uuid7()}", BRIEFLY)
    if lease is None:
        raise Conflict("The account signs in anew at this moment: nothing was changed. Try again.")
    try:
        return await _change(hub, caller, connection, given)
    finally:
        await hub.store.release(lease)


async def _change(
    hub: Hub, caller: Caller, connection: ConnectionId, given: Mapping[str, Any]
) -> ConnectionSettings:
    row = await own(hub, caller, connection)
    settings = replace(row.settings, **{name: _typed(name, given[name]) for name in given})
    await hub.connections.set_settings(connection, settings, listens=row.listens)
    told = {name: str(value) for name, value in given.items()}
    await AccessStore(hub.engine).note(caller, "connection.set", str(connection), **told)
    return settings


def problems_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Say everything that is wrong with what was given."""
    return tuple(said for name, value in given.items() if (said := _problem(name, value)))


def _problem(name: str, value: Any) -> str:
    if name not in HINTS:
        return f"“{name}” is not something a connection decides; it decides {', '.join(HINTS)}."
    if HINTS[name] is not timedelta:
        choices = get_args(HINTS[name])
        return "" if value in choices else f"{name} is one of {', '.join(choices)}, not “{value}”."
    read = duration(value)
    if read is None:
        return f"{name} is a duration such as 3d, 12h, 30m or PT30M, not “{value}”."
    if not timedelta() < read <= LONGEST[name]:
        return f"{name} is longer than nothing, and {LONGEST[name].total_seconds():g} s at most."
    return ""


def _typed(name: str, value: Any) -> Any:
    return duration(value) if HINTS[name] is timedelta else value
