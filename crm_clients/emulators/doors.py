"""A stage's door without sockets, for whoever shares a process with an emulator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from channel_clients.emulators.stage import Request, Response
from crm_clients.emulators.contract import Json


class Staged(Protocol):
    """Anything with a stage of its own, channel or CRM."""

    async def control(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True)
class InnerDoor:
    """Raises: `ValueError` when the stage refuses, which is a mistake of whoever asked."""

    emulator: Staged = field(repr=False)
    base: str

    async def post(self, act: str, body: Mapping[str, Any]) -> Any:
        asked = Request(method="POST", path=f"/_stage/{act}", body=json.dumps(dict(body)).encode())
        answer = await self._ask(asked)
        return answer.get("result", answer)

    async def get(self, view: str, **query: str) -> Json:
        asked = Request(method="GET", path=f"/_stage/{view}", query=tuple(query.items()))
        return await self._ask(asked)

    async def _ask(self, asked: Request) -> Json:
        reply = await self.emulator.control(asked)
        answer: Json = json.loads(reply.body)
        if reply.status != 200:
            raise ValueError(f"the stage refused {asked.path}: {answer.get('error')}")
        return answer
