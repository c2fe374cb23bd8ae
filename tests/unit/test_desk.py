"""What the servers of a process ask of the store, done in one transaction for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from mappers.vocabulary import ConnectionId
from middleware.serve.desk import Desk, Record, Work
from middleware.simulation.hub import SimKeeper
from middleware.simulation.loop import VirtualClock, run
from middleware.simulation.twin import TwinStore
from middleware.store.errors import LeaseLost, StoreUnavailable
from middleware.store.port import Unit
from middleware.store.rows import InboxClaim, JobsClaim, Lease
from tests.store_scene import (
    CHANNEL,
    CRM,
    TTL,
    a_duty,
    a_parcel,
    a_twin,
    owe,
    served,
)


class Scene:
    """A desk on a fresh twin; `woken` is whom it rang for."""

    def __init__(self, store: TwinStore, clock: VirtualClock) -> None:
        self.store = store
        self.keeper = SimKeeper(clock, store)
        self.woken: set[ConnectionId] = set()
        self.desk = Desk(store, self.keeper, clock, self._wake)

    async def served(self, connection: ConnectionId) -> Lease:
        lease = await served(self.store, connection)
        self.keeper.keep(lease, asked_at=0.0)
        return lease

    def _wake(self, connections: Iterable[ConnectionId]) -> None:
        self.woken.update(connections)


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock()
        await story(Scene(a_twin(clock), clock))

    run(main(), seed=0)


def owing(number: int) -> Work:
    async def work(unit: Unit) -> None:
        await unit.owe(a_duty(number))

    return work


async def all_of(*asked: Awaitable[object]) -> list[object]:
    return await asyncio.gather(*asked, return_exceptions=True)


def test_records_of_several_connections_are_one_transaction() -> None:
    async def story(scene: Scene) -> None:
        bot, crm = await scene.served(CHANNEL), await scene.served(CRM)
        scene.store.fail_next("cut_after_commit", at="unit", times=1)
        await all_of(
            scene.desk.commit(Record(bot, owing(1))), scene.desk.commit(Record(crm, owing(2)))
        )
        assert scene.store.faults_met == {"cut_after_commit": 1}
        assert len(scene.store.tables.deliveries.rows) == 2
        assert scene.woken == {CRM}

    play(story)


def test_claims_of_several_connections_are_one_transaction_each_with_its_own_answer() -> None:
    async def story(scene: Scene) -> None:
        bot, crm = await scene.served(CHANNEL), await scene.served(CRM)
        await scene.store.append([a_parcel("a"), a_parcel("b")])
        await owe(scene.store, a_duty(1))
        read, nothing = await asyncio.gather(
            scene.desk.claim_inbox(InboxClaim(lease=bot, limit=9)),
            scene.desk.claim_inbox(InboxClaim(lease=crm, limit=9)),
        )
        assert ([row.body for row in read], nothing) == ([b"a", b"b"], ())
        nothing_too, taken = await asyncio.gather(
            scene.desk.claim_jobs(JobsClaim(lease=bot, limit=9)),
            scene.desk.claim_jobs(JobsClaim(lease=crm, limit=9)),
        )
        assert ([job.subject.int for job in taken], nothing_too) == ([1], ())

    play(story)


def test_who_lost_a_lease_fails_alone() -> None:
    async def story(scene: Scene) -> None:
        bot, crm = await scene.served(CHANNEL), await scene.served(CRM)
        await scene.store.release(bot)
        lost, kept = await all_of(
            scene.desk.commit(Record(bot, owing(1))), scene.desk.commit(Record(crm, owing(2)))
        )
        assert (type(lost), kept) == (LeaseLost, None)
        (planned,) = scene.store.tables.deliveries.rows.values()
        assert planned.duty.subject.int == 2

    play(story)


def test_a_record_is_tried_for_as_long_as_its_lease_lasts() -> None:
    async def story(scene: Scene) -> None:
        crm = await scene.served(CRM)
        scene.store.go_away()
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable):
            await scene.desk.commit(Record(crm, owing(1)))
        lasted = asyncio.get_running_loop().time() - began
        assert 0.5 * TTL.total_seconds() < lasted < TTL.total_seconds()

    play(story)


def test_a_claim_is_not_tried_again() -> None:
    async def story(scene: Scene) -> None:
        crm = await scene.served(CRM)
        scene.store.fail_next("cut_before_commit", at="claim_jobs", times=1)
        with pytest.raises(StoreUnavailable):
            await scene.desk.claim_jobs(JobsClaim(lease=crm, limit=9))
        assert await scene.desk.claim_jobs(JobsClaim(lease=crm, limit=9)) == ()

    play(story)
