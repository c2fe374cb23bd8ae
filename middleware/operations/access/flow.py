"""Tokens: shown once, kept as digests. Keys: rotated while no hub is running."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid5

from cryptography.fernet import Fernet

from middleware.errors import BadRequest, Conflict, NotFound
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.operations.access.rules import Scope
from middleware.operations.access.store import AccessStore, AuditLine, TokenLine
from middleware.operations.model import Caller, Page, limited, number_cursor, page_of
from middleware.secrets import KEYS_FILE, Vault, load_keys, new_token, token_digest, write_keys

SEEMS_TO_RUN = timedelta(seconds=10)
LONGEST_NAME = 80


class HubIsRunning(Conflict):
    """Somebody would go on with keys that open nothing any more."""

    code = "hub.running"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """The only moment at which a token can be read."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    token: str = field(repr=False)


async def create_token(
    hub: Hub, caller: Caller, name: str, scopes: frozenset[Scope], *, key: str = ""
) -> NewToken:
    """Make a token. A request repeated under its key makes none: the first was shown already.

    Raises: `BadRequest`; `Conflict` for such a repetition.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise BadRequest(f"Give the token a name of 1 to {LONGEST_NAME} characters: who uses it?")
    if not scopes:
        raise BadRequest("Give the token a scope: read, operate or admin.")
    identity = uuid5(caller.workspace, f"token/{key}") if key else uuid7()
    token, ordered = new_token(), tuple(sorted(scopes, key=lambda scope: scope.rank))
    added = await AccessStore(hub.engine).add_token(
        caller, identity, name, digest=token_digest(token), scopes=ordered
    )
    if not added:
        raise Conflict(
            "This request was carried out before, and a token is shown only once. Revoke token"
            f" {identity} and make another."
        )
    return NewToken(id=identity, name=name, scopes=ordered, token=token)


async def tokens(hub: Hub, caller: Caller) -> tuple[TokenLine, ...]:
    return await AccessStore(hub.engine).tokens(caller.workspace)


async def revoke_token(hub: Hub, caller: Caller, token: UUID) -> None:
    """Raises: `NotFound`."""
    if not await AccessStore(hub.engine).revoke(caller, token):
        raise NotFound(f"There is no token {token}.")


async def recognise(hub: Hub, token: str) -> TokenLine | None:
    """Find who a bearer token belongs to; None when it is nobody's."""
    return await AccessStore(hub.engine).token(token_digest(token))


async def audit(
    hub: Hub, caller: Caller, *, subject: str = "", cursor: str = "", limit: int = 50
) -> Page[AuditLine]:
    """List what was done, the newest first."""
    size = limited(limit)
    lines = await AccessStore(hub.engine).audit(
        caller.workspace, subject=subject, before=number_cursor(cursor), limit=size + 1
    )
    return page_of(lines, size, [line.id for line in lines])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    resealed: int
    keys: int


async def rotate_secrets(hub: Hub, caller: Caller, *, drop_old: bool) -> Rotated:
    """Put a new key in front and encrypt every secret with it.

    The new key is on disk before anything needs it, and the old ones are dropped after nothing
    does: a crash at any moment leaves keys that open everything.
    Raises: `Conflict` when the keys are not ours to write; `HubIsRunning`; `UnreadableSecret`.
    """
    if hub.settings.secret_keys.get_secret_value():
        raise Conflict(
            "The keys are given by THREADLINE_SECRET_KEYS, which only you can change. Stop every"
            " hub, put a new key in front of the list (`threadline secrets new-key` makes one) and"
            " run `threadline secrets reseal`; then the old keys may go."
        )
    await _refuse_while_running(hub)
    keys = (Fernet.generate_key().decode(), *load_keys(hub.settings))
    path = hub.settings.data_dir / KEYS_FILE
    write_keys(path, keys)
    resealed = await AccessStore(hub.engine).reseal(caller, Vault(keys).reseal)
    if drop_old:
        keys = keys[:1]
        write_keys(path, keys)
    return Rotated(resealed=resealed, keys=len(keys))


async def reseal_secrets(hub: Hub, caller: Caller) -> Rotated:
    """Encrypt every secret with the first of the keys as they are.

    Raises: `HubIsRunning`; `UnreadableSecret`.
    """
    await _refuse_while_running(hub)
    keys = load_keys(hub.settings)
    resealed = await AccessStore(hub.engine).reseal(caller, Vault(keys).reseal)
    return Rotated(resealed=resealed, keys=len(keys))


async def _refuse_while_running(hub: Hub) -> None:
    silence = await hub.store.silence()
    if silence is not None and silence.now - silence.since < SEEMS_TO_RUN:
        raise HubIsRunning(
            "A hub works with this database, and would not be able to open what is sealed with a"
            f" new key. Stop it, wait {SEEMS_TO_RUN.seconds} seconds, rotate, and start it again."
        )
