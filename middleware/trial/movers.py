"""Connecting the accounts of a plan through the flows that the command line and the console use."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from mappers.vocabulary import WorkspaceId
from middleware.connections import flow
from middleware.connections.model import ConnectionSettings
from middleware.hub import Hub
from middleware.store.policy import Policy
from middleware.trial.plan import Plan, Registration, Shop

SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Movers:
    """Connect every shop's two accounts, and route one to the other; some shops at once."""

    hub: Hub
    plan: Plan
    workspace: WorkspaceId
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIDE_BY_SIDE))

    async def register(self, ours: Registration) -> tuple[UUID, str]:
        """Register with one CRM; return the id of the registration, and where its hooks go."""
        return await flow.register_application(self.hub, self.workspace, ours.provider, ours.values)

    async def move_in(self, registered: Mapping[str, UUID]) -> None:
        """Connect everybody; `registered` are our registrations by their CRM."""
        shops = self.plan.shops
        await asyncio.gather(*(self._connect(s, registered[s.crm_provider]) for s in shops))

    async def _connect(self, shop: Shop, registration: UUID) -> None:
        settings = ConnectionSettings(language=self.plan.language)
        crm = flow.Wanted(
            provider=shop.crm_provider,
            values=shop.crm,
            application=registration,
            title=shop.name,
            settings=settings,
        )
        channel = flow.Wanted(
            provider=self.plan.channel_provider,
            values=shop.channel,
            title=f"{shop.name} bot",
            settings=settings,
            listen=False,
        )
        async with self.door:
            target = await flow.connect(self.hub, self.workspace, crm)
            source = await flow.connect(self.hub, self.workspace, channel)
            await self.hub.connections.set_route(self.workspace, source.id, target.id, Policy())
