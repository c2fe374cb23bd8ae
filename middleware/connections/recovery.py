"""Connections that were shut out and may be let in again: looked into until they are.

A portal's plan is paid again, a line is put back, an update that dropped our subscriptions is over:
nobody should have to tell the hub so. What was missed meanwhile is read back.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from mappers.vocabulary import ConnectionId, ProviderError
from mappers.vocabulary.adapters import KnowsItsSetUp, Recovers
from middleware.connections.flow import fresh, resume, set_up
from middleware.connections.store import ConnectionRow
from middleware.errors import HubError
from middleware.http.gateway import without_lease
from middleware.hub import Hub
from middleware.store.retry import again

log = structlog.get_logger(__name__)

BROKEN, ACTIVE = "broken", "active"
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long after one look the next comes: doubled each time, up to the longest.

    `between_checks`: how often it is asked whether a provider still calls us.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=15)
    between_checks: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """A connection that is out of work, as this process has seen it."""

    since: datetime
    next_at: datetime
    wait: timedelta


@dataclass(slots=True)
class Recovery:
    """Looks after broken connections. Several processes may: each step can be repeated."""

    hub: Hub
    waits: Waits = field(default_factory=Waits)
    _watched: dict[ConnectionId, Watched] = field(default_factory=dict)
    _checks: dict[ConnectionId, datetime] = field(default_factory=dict)

    async def look(self) -> None:
        """Look at each that is due, and take up those that are let in again.

        One that breaks again soon after is looked at no more often for that.
        """
        now = self.hub.clock.now()
        for row in await self.hub.connections.all():
            known = self._watched.get(row.id)
            if row.state != BROKEN:
                if known is not None and now - known.next_at > self.waits.longest:
                    del self._watched[row.id]
                continue
            known = known or Watched(since=now, next_at=now, wait=self.waits.first)
            if now >= known.next_at:
                wait = min(known.wait * 2, self.waits.longest)
                self._watched[row.id] = replace(known, next_at=now + known.wait, wait=wait)
                await self._try(row, known.since)

    async def check(self) -> None:
        """Ask whether providers still call us, each connection at a time of its own.

        What is missing is set up again, and what may have been missed is read back.
        """
        now, every = self.hub.clock.now(), self.waits.between_checks
        for row in await self.hub.connections.all():
            if row.state != ACTIVE or now < self._checks.setdefault(row.id, _turn(row, now, every)):
                continue
            self._checks[row.id] = now + every
            try:
                if not await self._is_called(row):
                    await set_up(self.hub, row.id, take_over=False)
                    await self._read_back(row, now - every - MARGIN)
                    log.warning("connection.set_up_again", connection_id=str(row.id))
            except (ProviderError, HubError):
                continue  # whoever uses it next will say why

    async def _is_called(self, row: ConnectionRow) -> bool:
        row = await fresh(self.hub, row.id)
        adapter = self.hub.directory.build(row, without_lease).adapter
        if not isinstance(adapter, KnowsItsSetUp):
            return True
        return await adapter.is_set_up(self.hub.settings.hook_address(row.address))

    async def _try(self, row: ConnectionRow, since: datetime) -> None:
        try:
            adapter = self.hub.directory.build(await fresh(self.hub, row.id), without_lease).adapter
            if not isinstance(adapter, Recovers) or not await adapter.has_passed(row.reason):
                return
            await resume(self.hub, row.id)
        except (ProviderError, HubError) as refused:
            why = refused.failure.code if isinstance(refused, ProviderError) else refused.code
            log.info("connection.still_broken", connection_id=str(row.id), why=why)
            return
        await self._read_back(row, since - MARGIN)
        log.info("connection.recovered", connection_id=str(row.id), was=row.reason)

    async def _read_back(self, row: ConnectionRow, since: datetime) -> None:
        """Replies may have been told to nobody while we were shut out."""
        can = (await self.hub.directory.get(row.id)).can
        if getattr(can, "replies_told_once", False):
            await again(lambda: self.hub.store.fall_behind((row.id,), since))
            self.hub.executor.wake([row.id])


def _turn(row: ConnectionRow, now: datetime, every: timedelta) -> datetime:
    """Spread first checks evenly, so that connections are not all looked at together."""
    return now + every * (row.id.int % 1000 / 1000)
