"""A connection as flows see it: who it is, what it can do, and the adapter that speaks for it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeAlias

from channel_clients.contract import Can as ChannelCan
from channel_clients.contract import Channel
from crm_clients.contract import Can as CrmCan
from crm_clients.contract import Crm
from mappers.text import Language
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.outbox.rules import OnDoubt
from middleware.store.rows import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What an admin may decide for one connection.

    `reply_age_limit`: a reply older than this is not sent without a person's word. `language` is
    what our own words are said in: to operators in a CRM, to customers in a channel. `file_wait`:
    an entry waits so long for its file, then goes without it.
    """

    on_doubt: OnDoubt = "hold"
    reply_age_limit: timedelta = timedelta(hours=24)
    language: Language = "ru"
    file_wait: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connected:
    id: ConnectionId
    workspace: WorkspaceId
    provider: str
    account: str
    title: str
    settings: ConnectionSettings = field(default_factory=ConnectionSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedChannel(_Connected):
    adapter: Channel
    can: ChannelCan


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedCrm(_Connected):
    adapter: Crm
    can: CrmCan


Connected: TypeAlias = ConnectedChannel | ConnectedCrm


class UnknownConnection(Exception):
    """No such connection, or it is not active."""


class Directory(Protocol):
    """Builds connections and remembers them; a changed config is noticed."""

    async def get(self, connection: ConnectionId) -> Connected:
        """Return the connection with its adapter built, whatever its state.

        Raises: `UnknownConnection`.
        """
        ...

    async def glance(self, connection: ConnectionId) -> Connected:
        """Return the connection as it was a moment ago, without asking the database each time.

        For the middle of a transaction, which should not wait for another one.
        Raises: `UnknownConnection`.
        """
        ...

    async def active(self, connection: ConnectionId, purpose: Purpose) -> Connected:
        """Return an active connection, its calls protected by our lease for that purpose.

        Raises: `UnknownConnection`.
        """
        ...
