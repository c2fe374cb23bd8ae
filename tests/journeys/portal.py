"""A town whose CRM is a portal that installs us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mappers.vocabulary import ConnectionId
from tests.journeys.sides import install
from tests.journeys.town import ACCOUNT, Plan, Town, open_town


def dialogs(town: Town) -> tuple[Any, ...]:
    return town.bitrix24.timeline(ACCOUNT)


def our_client(town: Town) -> str:
    (client_id,) = town.bitrix24.world.applications
    return client_id


async def install_anew(town: Town) -> ConnectionId:
    return await install(town.world, town.hub, our_client(town))


@asynccontextmanager
async def open_portal(postgres_url: str, data_dir: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, data_dir, Plan(crm="bitrix24")) as town:
        yield town
