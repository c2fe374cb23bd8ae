"""HubSpot on the test bench: a portal that let our application in, with a custom channel."""

from collections.abc import AsyncIterator

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import HubSpot
from tests.conformance.crm_bench import Bench
from tests.conformance.hubspot_scene import adapter_of, an_emulator, on_the_bench


@pytest.fixture
async def emulator() -> AsyncIterator[HubSpotEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> HubSpot:
    return adapter_of(bench)
