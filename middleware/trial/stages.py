"""The stage APIs of the emulators, over HTTP: the people of the trial, and what they see.

Everything that a trial knows of the outside comes from here, never from the hub.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from crm_clients.emulators.contract import Desk, Part
from middleware.trial.processes import TrialFailed

Json = dict[str, Any]
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One emulator's stage, common to all of them."""

    base: str
    client: httpx.AsyncClient = field(repr=False)

    async def post(self, act: str, body: Mapping[str, Any]) -> Any:
        """Raises: `TrialFailed` when the stage refuses, which is a mistake of the script."""
        reply = await self.client.post(f"{self.base}/_stage/{act}", json=dict(body))
        answer = reply.json()
        if reply.is_error:
            raise TrialFailed(f"the stage refused {act}: {answer.get('error')}")
        return answer.get("result", answer)

    async def get(self, view: str, **query: str) -> Json:
        reply = await self.client.get(f"{self.base}/_stage/{view}", params=query)
        answer: Json = reply.raise_for_status().json()
        return answer

    async def arm(
        self, name: str, *, match: str = "", seconds: float = 0.0, times: int = 1
    ) -> None:
        await self.post(
            "faults", {"name": name, "match": match, "seconds": seconds, "times": times}
        )

    async def heal(self) -> None:
        await self.client.delete(f"{self.base}/_stage/faults")

    async def faults_met(self) -> Mapping[str, int]:
        met: dict[str, int] = (await self.get("faults"))["met"]
        return met

    async def is_up(self) -> bool:
        try:
            return (await self.client.get(f"{self.base}/_stage/state")).is_success
        except httpx.TransportError:
            return False


@dataclass(frozen=True, slots=True)
class ChannelStage(Stage):
    """Customers with their phones. `bot` names the shop they write to."""

    async def act(self, name: str, bot: str, user_id: int, /, **details: Any) -> Any:
        """Let a customer do something: `say`, `edit`, `block`…"""
        return await self.post(name, {"bot": bot, "user_id": user_id, **details})

    async def said(self) -> list[Json]:
        said: list[Json] = (await self.get("said"))["said"]
        return said

    async def chats(self, bot: str) -> list[Json]:
        chats: list[Json] = (await self.get("chats", bot=bot))["chats"]
        return chats

    async def pending(self) -> int:
        """Updates that no hub has taken yet."""
        state = await self.get("state")
        return sum(int(bot["pending"]) for bot in state["bots"])

    async def log(self) -> list[Json]:
        log: list[Json] = (await self.get("log"))["log"]
        return log


@dataclass(frozen=True, slots=True)
class CrmStage(Stage):
    """Operators at their desk, as the CRM's own emulator has it."""

    part: Part

    @property
    def desk(self) -> Desk:
        return self.part.desk(self)


@asynccontextmanager
async def crm_stage(base: str, part: Part) -> AsyncIterator[CrmStage]:
    """Go to the stage of one CRM, by a client of its own."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        yield CrmStage(base, client, part)
