"""Signs of life: one process's silence is noticed although others go on beating."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from mappers.vocabulary import ConnectionId
from middleware.serve.upkeep import MARGIN, Pulse
from middleware.store.port import Store
from middleware.store.rows import Silence

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CRM = ConnectionId(UUID(int=1))
GAP = timedelta(seconds=15)


class Signs:
    """The part of a store that pulses use, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON
        self.last: datetime | None = None
        self.read_back: list[datetime] = []

    async def pulse(self) -> None:
        self.last = self.now

    async def silence(self) -> Silence | None:
        if self.last is None:
            return None
        return Silence(since=self.last, now=self.now, is_restored=False)

    async def fall_behind(
        self, connections: Sequence[ConnectionId], since: datetime, *, asks: bool = False
    ) -> int:
        assert (list(connections), asks) == ([CRM], False)
        self.read_back.append(since)
        return 1


def process(signs: Signs) -> Pulse:
    async def told_once() -> tuple[ConnectionId, ...]:
        return (CRM,)

    return Pulse(cast("Store", signs), told_once, GAP)


async def both_beat(signs: Signs, *pulses: Pulse, seconds: int) -> None:
    for _ in range(0, seconds, 3):
        signs.now += timedelta(seconds=3)
        for pulse in pulses:
            await pulse.beat()


async def test_what_came_to_a_process_that_hung_is_read_back_though_another_lived() -> None:
    signs = Signs()
    ours, other = process(signs), process(signs)
    await both_beat(signs, ours, other, seconds=30)
    assert signs.read_back == []
    hung_at = signs.now
    await both_beat(signs, other, seconds=60)
    assert signs.read_back == []
    await ours.beat()
    assert signs.read_back == [hung_at - MARGIN]
    await both_beat(signs, ours, other, seconds=30)
    assert len(signs.read_back) == 1


async def test_what_one_process_turned_away_is_read_back_from_its_own_last_sign() -> None:
    signs = Signs()
    ours, other = process(signs), process(signs)
    await both_beat(signs, ours, other, seconds=9)
    away_at = signs.now
    await both_beat(signs, other, seconds=60)
    await ours.catch_up()
    assert signs.read_back == [away_at - MARGIN]


async def test_a_process_that_begins_reads_back_from_the_last_sign_of_anybody() -> None:
    signs = Signs()
    await process(signs).begin()
    assert signs.read_back == []
    signs.now += timedelta(seconds=4)
    await process(signs).begin()
    assert signs.read_back == [NOON - MARGIN]
