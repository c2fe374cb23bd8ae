"""Towns for faults: one at work, one whose hubs the test brings itself, and calls that hurry."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from middleware.hub import open_hub
from tests.faults.hub_process import lose_patience
from tests.journeys.town import (
    Plan,
    Town,
    free_port,
    move_in,
    open_town,
    open_world,
    settings_for,
)

Opened = Callable[[Plan], AbstractAsyncContextManager[Town]]


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def town_of(postgres_url: str, tmp_path: Path) -> Opened:
    """Open a town of a given plan."""
    return lambda plan: open_town(postgres_url, tmp_path, plan)


@pytest.fixture
async def quiet_town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Everything is connected and nobody is at work: the town's own hub only watches."""
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world, open_hub(settings) as watching:
        yield await move_in(world, watching, Plan())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Calls are given up after this many seconds."""
    seconds = 1.0
    lose_patience(monkeypatch, seconds)
    return seconds
