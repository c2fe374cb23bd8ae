"""The flusher: who shares a commit, who waits for which, and for how long."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

import pytest

from mappers.vocabulary import ConnectionId
from middleware.store.errors import StoreUnavailable
from middleware.store.rows import Parcelled
from middleware.webhooks import flush
from middleware.webhooks.flush import Flusher, Overflow

SHOP = ConnectionId(UUID(int=1))


def parcel(number: int, body: bytes = b"{}") -> list[Parcelled]:
    return [Parcelled(connection=SHOP, digest=number.to_bytes(16), form="", body=body)]


class Disk:
    """Commits when told to; refuses what is marked as poison."""

    def __init__(self) -> None:
        self.flushes: list[int] = []
        self.turns = asyncio.Semaphore(0)
        self.news = asyncio.Event()

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        self.flushes.append(len(parcels))
        self.news.set()
        await self.turns.acquire()
        if any(each.body == b"poison" for each in parcels):
            raise ValueError("poison")
        return len(parcels)

    def let(self, flushes: int) -> None:
        for _ in range(flushes):
            self.turns.release()


def flusher(disk: Disk, *, limit: int = 100, wake: Callable[..., None] | None = None) -> Flusher:
    async def nothing_was_missed() -> None:
        pass

    def no_bell(_: Iterable[ConnectionId]) -> None:
        pass

    return Flusher(disk.append, wake or no_bell, nothing_was_missed, limit=limit)


async def started(work: Iterable[object]) -> list["asyncio.Future[None]"]:
    tasks = [asyncio.ensure_future(each) for each in work]  # type: ignore[call-overload]
    await asyncio.sleep(0.01)
    return tasks


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush, "DISK_IS_SLOW_S", 60.0)


@pytest.mark.usefixtures("quick")
async def test_a_flush_takes_all_that_came_while_the_last_one_ran() -> None:
    disk = Disk()
    keeping = flusher(disk)
    first = await started([keeping.keep(parcel(0))])
    others = await started(keeping.keep(parcel(n)) for n in range(1, 21))
    assert (disk.flushes, keeping.waiting) == ([1], 20)
    disk.let(2)
    await asyncio.gather(*first, *others)
    assert (disk.flushes, keeping.kept) == ([1, 20], 21)
    await keeping.drain()


async def test_when_the_disk_is_slow_others_share_its_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush, "DISK_IS_SLOW_S", 0.0)
    disk = Disk()
    keeping = flusher(disk)
    kept = []
    for number in range(7):
        kept += await started([keeping.keep(parcel(number))])
    assert disk.flushes == [1] * flush.LINES
    disk.let(7)
    await asyncio.gather(*kept)
    await keeping.drain()


async def test_one_who_waits_alone_behind_a_slow_flush_gets_a_line_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flush, "DISK_IS_SLOW_S", 0.02)
    monkeypatch.setattr(flush, "LOOK_EVERY_S", 0.01)
    disk = Disk()
    keeping = flusher(disk)
    kept = await started(keeping.keep(parcel(number)) for number in range(2))
    await asyncio.sleep(0.05)
    later = await started([keeping.keep(parcel(3))])
    async with asyncio.timeout(5):
        while len(disk.flushes) < 2:
            disk.news.clear()
            await disk.news.wait()
    disk.let(9)
    await asyncio.gather(*kept, *later)
    await keeping.drain()


async def test_whoever_comes_when_the_last_line_has_just_ended_is_not_forgotten() -> None:
    disk = Disk()
    keeping = flusher(disk)
    disk.let(100)
    async with asyncio.timeout(5):
        for number in range(50):
            await keeping.keep(parcel(number))
    assert disk.flushes == [1] * 50


async def test_nobody_waits_for_the_database_longer_than_a_provider_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flush, "PATIENCE_S", 0.05)
    monkeypatch.setattr(flush, "LOOK_EVERY_S", 0.01)
    disk = Disk()
    keeping = flusher(disk)
    for number in range(3):
        with pytest.raises(StoreUnavailable):
            await keeping.keep(parcel(number))
    disk.let(9)
    await keeping.drain()
    assert keeping.kept == 3  # late, and so the provider's repeat will be known


@pytest.mark.usefixtures("quick")
async def test_a_full_queue_refuses_at_once() -> None:
    disk = Disk()
    keeping = flusher(disk, limit=2)
    first = await started([keeping.keep(parcel(0))])
    queued = await started(keeping.keep(parcel(n)) for n in (1, 2))
    with pytest.raises(Overflow):
        await keeping.keep(parcel(3))
    disk.let(2)
    await asyncio.gather(*first, *queued)
    await keeping.drain()


@pytest.mark.usefixtures("quick")
async def test_one_bad_parcel_fails_nobody_elses() -> None:
    disk = Disk()
    woken: list[ConnectionId] = []
    keeping = flusher(disk, wake=woken.extend)
    first = await started([keeping.keep(parcel(0))])
    bodies = [b"{}"] * 5 + [b"poison"] + [b"{}"] * 10
    others = await started(keeping.keep(parcel(n, body)) for n, body in enumerate(bodies, 1))
    disk.let(99)
    ended = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(each) for each in ended if each is not None] == [ValueError]
    assert keeping.kept == 16
    assert set(woken) == {SHOP}
    await keeping.drain()
