"""HubSpot without a channel keeps what every CRM promises, however an entry is found again.

Records, fields and doors are the same as with a channel, and so are calls and tasks by their mark.
"""

from collections.abc import AsyncIterator

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from tests.conformance.crm_bench import Bench
from tests.conformance.crm_bulk import BulkPromises
from tests.conformance.crm_logs import LogPromises
from tests.conformance.crm_tasks import TaskPromises
from tests.conformance.crms import AccountPromises, TimelinePromises
from tests.conformance.hubspot_cards_scene import with_notes


class TestHubSpotByKey(TimelinePromises, BulkPromises, LogPromises, TaskPromises, AccountPromises):
    """Notes that hold our key in a property that the portal holds unique."""

    @pytest.fixture
    async def bench(self, emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
        async with with_notes(emulator) as bench:
            yield bench


class TestHubSpotByMark(TimelinePromises, BulkPromises):
    """Notes that are found again by their mark, among those on their cards."""

    @pytest.fixture
    async def bench(self, emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
        async with with_notes(emulator, properties="refused") as bench:
            yield bench


class TestHubSpotCommunications(TimelinePromises, BulkPromises):
    """Communications instead of notes; answers are notes all the same."""

    @pytest.fixture
    async def bench(self, emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
        async with with_notes(emulator, entry_object="communications", properties="plain") as bench:
            yield bench
