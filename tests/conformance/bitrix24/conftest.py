"""Bitrix24 on the test bench: a portal where our application is installed, with an open line."""

from collections.abc import AsyncIterator

import pytest

from crm_clients.bitrix24 import Bitrix24
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from tests.conformance.bitrix24_scene import adapter_of, an_emulator, on_the_bench
from tests.conformance.crm_bench import Bench


@pytest.fixture
async def emulator() -> AsyncIterator[Bitrix24Emulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> Bitrix24:
    return adapter_of(bench)
