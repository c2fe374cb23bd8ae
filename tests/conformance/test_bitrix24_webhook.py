"""Bitrix24 without open lines on the test bench: comments through a webhook."""

from collections.abc import AsyncIterator

import pytest

from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from tests.conformance.bitrix24_cards_scene import on_cards, with_webhook
from tests.conformance.bitrix24_scene import an_emulator
from tests.conformance.crm_bench import Bench, refusal
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def emulator() -> AsyncIterator[Bitrix24Emulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    async with with_webhook(emulator) as bench:
        yield bench


class TestBitrix24ByWebhook(CrmPromises):
    """Inherits every promise; a webhook lives until a person changes it."""

    async def test_a_refresh_rotates_and_the_old_pair_is_never_used_again(
        self, bench: Bench
    ) -> None:
        crm = on_cards(bench)
        assert not crm.is_stale(bench.http.now())
        assert (await refusal(crm.refresh())).failure.kind == "auth_expired"
