"""What is owed: the port's chapter of duties and attempts. Lanes do the work."""

from uuid import UUID

from mappers.vocabulary import ConnectionId, DeliveryId, DeliveryKind, MessageId
from middleware.simulation.twin import lanes
from middleware.simulation.twin.chapter import Chapter
from middleware.simulation.twin.owed import NotedAttempt
from middleware.store.duties import Attempt, Duty, Job, Owed, Settlement
from middleware.store.rows import RouteRow
from middleware.tracing.place import marked


class Outbox(Chapter):
    async def routes_from(self, source: ConnectionId) -> tuple[RouteRow, ...]:
        tx = await self._turn()
        return tuple(sorted(tx.routes.find("source", source), key=lambda route: route.id))

    async def routes_to(self, target: ConnectionId) -> tuple[RouteRow, ...]:
        tx = await self._turn()
        return tuple(sorted(tx.routes.find("target", target), key=lambda route: route.id))

    async def owe(self, duty: Duty) -> DeliveryId:
        self.touched.add(duty.target)
        return await lanes.owe(await self._turn(), marked(duty))

    async def latest(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
        return lanes.latest(await self._turn(), target, kind, subject)

    async def parts(self, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
        tx = await self._turn()
        found = tx.deliveries.find("duty", (target, DeliveryKind.SEND, message))
        return tuple(lanes.owed(each) for each in sorted(found, key=lambda one: one.duty.part))

    async def settle(self, job: Job, settlement: Settlement) -> None:
        await lanes.settle(await self._turn(), job, settlement)

    async def note_attempt(self, job: Job, attempt: Attempt) -> None:
        tx = await self._turn()
        noted = NotedAttempt(delivery=job.id, number=job.attempts, attempt=attempt)
        await tx.attempts.insert(noted)

    async def set_connection(self, connection: ConnectionId, state: str, reason: str) -> None:
        tx = await self._turn()
        await tx.connections.lock(connection)
        at = tx.connections.get(connection)
        if at is not None and at.state != "removed":
            await tx.connections.change(connection, state=state, reason=reason)
