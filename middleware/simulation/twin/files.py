"""Files of messages: what became of them, and who waits for them."""

from dataclasses import replace

from mappers.vocabulary import DeliveryKind, DeliveryState, MessageId
from middleware.simulation.twin import lanes
from middleware.simulation.twin.chapter import Chapter
from middleware.simulation.twin.owed import Delivery, duty_key
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import ToldWithout
from middleware.store.rows import FileRow

NOT_BEGUN = frozenset({DeliveryState.READY, DeliveryState.PARKED})


class Files(Chapter):
    async def keep_file(self, file: FileRow) -> None:
        tx = await self._turn()
        known = await tx.files.insert_or_lock(file)
        if known.state == "wanted":
            tx.files.put(replace(file, late=known.late))

    async def let_go(self, message: MessageId, position: int) -> tuple[ToldWithout, ...]:
        tx = await self._turn()
        await tx.deliveries.lock(*(duty_key(each.duty) for each in _entries(tx, message, position)))
        entries = sorted(_entries(tx, message, position), key=lambda each: each.id)
        waiting = [each for each in entries if each.state in NOT_BEGUN]
        gone = [each for each in entries if each.state not in NOT_BEGUN]
        told = [each for each in gone if each.state is not DeliveryState.SKIPPED]
        for each in waiting:
            _hasten(tx, each)
            self.touched.add(each.duty.target)
        file = tx.files.get((message, position))
        if told and file is not None:
            late = file.late | {each.duty.target for each in told}
            await tx.files.change((message, position), late=late)
        return tuple(_told(tx, each) for each in told)


def _entries(tx: Transaction, message: MessageId, position: int) -> list[Delivery]:
    return [
        each
        for each in tx.deliveries.find("message", message)
        if each.duty.kind is DeliveryKind.WRITE and each.detail.get("file") == position
    ]


def _hasten(tx: Transaction, delivery: Delivery) -> None:
    """A lane that somebody is changing right now is looked at again soon enough."""
    if delivery.attempts == 0:
        tx.deliveries.put(replace(delivery, due_at=None))
    lane = lanes.lane_at(tx, delivery.lane)
    if not tx.lanes.try_lock((lane.target, lane.key)):
        return
    lane = lanes.lane_at(tx, delivery.lane)
    if lane.due_at is not None:
        tx.lanes.put(replace(lane, due_at=tx.now()))


def _told(tx: Transaction, delivery: Delivery) -> ToldWithout:
    duty = delivery.duty
    return ToldWithout(
        target=duty.target,
        lane=lanes.lane_at(tx, delivery.lane).key,
        route=duty.route,
        conversation=duty.conversation,
        contact=duty.contact,
    )


def files_of(tx: Transaction, message: MessageId) -> tuple[FileRow, ...]:
    return tuple(sorted(tx.files.find("message", message), key=lambda file: file.position))
