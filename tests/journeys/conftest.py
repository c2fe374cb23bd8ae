"""A town for a test: the hub and both providers, from nothing, in a fresh database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from crm_clients.bitrix24 import MANIFEST
from crm_clients.contract import CrmManifest
from crm_clients.registry import CRMS
from mappers.vocabulary.adapters import Budget
from tests.journeys.town import Plan, Town, open_town

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
def unlimited_portal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls a second are a portal's limit: this one has none, and hubs know it."""
    rest = Budget(name="rest", key="bitrix24", rate_per_s=500, burst=500)
    quick = replace(MANIFEST, budgets=lambda *_: (rest, replace(rest, name="oauth", key="oauth")))
    monkeypatch.setitem(cast("dict[str, CrmManifest]", CRMS), "bitrix24", quick)
