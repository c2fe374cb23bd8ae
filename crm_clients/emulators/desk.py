"""What every emulated desk does in the same way, through the stage's routes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.emulators.contract import Door, Json, Sent


@dataclass(frozen=True, slots=True)
class StageDesk:
    """Operators at a stage whose routes are alike for every CRM."""

    door: Door = field(repr=False)

    async def reply(self, account: str, chat: str, text: str, **details: Any) -> None:
        await self.door.post("reply", {"account": account, "to": chat, "text": text, **details})

    async def send_files(
        self, account: str, chat: str, files: Sequence[Sent], text: str = "", **details: Any
    ) -> None:
        where = {"account": account, "base": self.door.base}
        kept = [await self.door.post("upload", {**where, **each.upload()}) for each in files]
        body = {"account": account, "to": chat, "files": kept, "text": text, **details}
        await self.door.post("reply_with_files", body)

    async def contacts(self, account: str) -> list[Json]:
        contacts: list[Json] = (await self.door.get("contacts", account=account))["contacts"]
        return contacts

    async def _switch(self, name: str, value: object) -> None:
        await self.door.post("switch", {"name": name, "value": value})

    async def _set_up(self, what: str, **details: Any) -> Any:
        return (await self.door.post("setup", {what: details}))[what]
