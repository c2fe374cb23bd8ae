"""Catalogues of CRM accounts, as old as a few minutes, in this process's memory."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from crm_clients.contract import HasCatalogue
from mappers.vocabulary import Catalogue, ConnectionId
from middleware.clock import Clock

FRESH_FOR = timedelta(minutes=5)
LOOKED_FOR = timedelta(seconds=30)
ASKED_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """`looked` says when a target was looked for and not found, in monotonic seconds."""

    catalogue: Catalogue
    read_at: float
    looked: Mapping[str, float] = field(default_factory=dict)


class Catalogues:
    """Reads an account's catalogue when somebody asks, one reading at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[ConnectionId, _Kept] = {}
        self._reading: dict[ConnectionId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, connection: ConnectionId, crm: HasCatalogue) -> Catalogue:
        """Return a catalogue that is not old. Raises: `ProviderError`."""
        async with self._reading[connection]:
            kept = self._kept.get(connection)
            if kept is not None and self._age(kept.read_at) < FRESH_FOR:
                return kept.catalogue
            return await self._read(connection, crm, ())

    async def again(
        self,
        connection: ConnectionId,
        crm: HasCatalogue,
        seen: Catalogue,
        missing: Collection[str] = (),
        *,
        asked: bool = False,
    ) -> Catalogue:
        """Return a newer catalogue than `seen`, or `seen` itself when no newer one has these.

        They were looked for in vain a moment ago; the moment is short when a person `asked`.
        Raises: `ProviderError`.
        """
        moment = ASKED_AGAIN if asked else LOOKED_FOR
        async with self._reading[connection]:
            kept = self._kept.get(connection)
            if kept is not None and kept.catalogue is not seen:
                return kept.catalogue
            looked = {} if kept is None else kept.looked
            if missing and all(self._is_within(moment, looked.get(each)) for each in missing):
                return seen
            return await self._read(connection, crm, missing)

    async def _read(
        self, connection: ConnectionId, crm: HasCatalogue, missing: Collection[str]
    ) -> Catalogue:
        catalogue = await crm.catalogue()
        now = self._clock.monotonic()
        self._kept[connection] = _Kept(
            catalogue=catalogue, read_at=now, looked=dict.fromkeys(missing, now)
        )
        return catalogue

    def _is_within(self, moment: timedelta, at: float | None) -> bool:
        return at is not None and self._age(at) < moment

    def _age(self, at: float) -> timedelta:
        return timedelta(seconds=self._clock.monotonic() - at)
