"""A hub that serves nothing, and somebody who may use it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from middleware.hub import Hub
from middleware.operations.model import Caller
from tests.builders import a_caller, an_open_hub


@pytest.fixture
async def hub(postgres_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    async with an_open_hub(postgres_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def anna(hub: Hub) -> Caller:
    return await a_caller(hub)
