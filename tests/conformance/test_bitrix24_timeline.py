"""Bitrix24 without open lines on the test bench: activities of an application."""

from collections.abc import AsyncIterator

import pytest

from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from tests.conformance.bitrix24_cards_scene import with_activities
from tests.conformance.bitrix24_scene import an_emulator
from tests.conformance.crm_bench import Bench
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def emulator() -> AsyncIterator[Bitrix24Emulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    async with with_activities(emulator) as bench:
        yield bench


class TestBitrix24OnCards(CrmPromises):
    """Inherits every promise."""
