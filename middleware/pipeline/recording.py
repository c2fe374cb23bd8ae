"""Recording parcels that were read: in the order of their arrival, in one unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mappers.vocabulary import MessageArrived, Reading
from middleware.connections.model import Connected, Directory
from middleware.pipeline.flow import Intake, Waits
from middleware.pipeline.rules import read_form
from middleware.store.port import Unit
from middleware.store.rows import Arrived, InboxRow
from middleware.tracing.port import Tracer

Read = tuple[InboxRow, Reading]


@dataclass(slots=True)
class Recording:
    """Parcels of one connection on their way into one unit, which may have to begin again.

    `awaited` are the names that some of them wait for.
    """

    connection: Connected
    directory: Directory
    now: datetime
    tracer: Tracer
    awaited: list[str] = field(default_factory=list)

    def arrived(self, read: Sequence[Read]) -> tuple[Arrived, ...]:
        """Say whose messages these parcels bring, for a unit to read ahead."""
        events = (event for _, reading in read for event in reading.events)
        return tuple(
            (self.connection.id, event) for event in events if isinstance(event, MessageArrived)
        )

    async def record(self, read: Sequence[Read], unit: Unit) -> None:
        self.awaited = []
        for row, reading in read:
            with self.tracer.reading(self.connection.provider, row):
                await self._record_one(row, reading, unit)

    async def _record_one(self, row: InboxRow, reading: Reading, unit: Unit) -> None:
        _, asked = read_form(row.form)
        intake = Intake(self.connection, self.directory, unit, self.now, asked)
        done = list(reading.ignored)
        try:
            done += [await intake.apply(event) for event in reading.events]
        except Waits as wait:
            await unit.close_row(row, "waiting", note=str(wait), awaits=wait.awaits)
            self.awaited.append(wait.awaits)
            return
        await unit.close_row(row, "read", note=", ".join(done))

    async def look_once_more(self, unit: Unit) -> None:
        """Wake whoever waits for something that is here by now."""
        for name in self.awaited:
            if await unit.message_named(self.connection.id, name) is not None:
                await unit.wake_waiting(self.connection.id, name)
