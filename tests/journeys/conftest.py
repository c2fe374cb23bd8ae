"""A town for a test: the hub and both providers, from nothing, in a fresh database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.journeys.sides import SIDES
from tests.journeys.town import Plan, Town, open_town

Opened = Callable[[Plan], AbstractAsyncContextManager[Town]]


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, tmp_path) as opened:
        yield opened


@pytest.fixture(params=sorted(SIDES))
async def every(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path
) -> AsyncIterator[Town]:
    """A town of each CRM in turn: what it is able to says its manifest."""
    async with open_town(postgres_url, tmp_path, Plan(crm=request.param)) as opened:
        await opened.desk.furnish(limited=False)
        yield opened


@pytest.fixture
def town_of(postgres_url: str, tmp_path: Path) -> Opened:
    """Open a town of a given plan."""
    return lambda plan: open_town(postgres_url, tmp_path, plan)
