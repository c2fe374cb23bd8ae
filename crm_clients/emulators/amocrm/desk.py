"""amoCRM's part in a trial: the desk of its operators, and how its accounts are connected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_clients.emulators.contract import Faults, Json, Ours, Part
from crm_clients.emulators.desk import StageDesk
from crm_clients.emulators.notes import PREFIX, as_replies, as_timeline

from .emulator import AmoCrmEmulator
from .stub import BENCH

CHANNEL = "11111111-1111-4111-8111-111111111111"
SECRET = "trial-channel"  # noqa: S105  # opens the emulator alone
# A hub that is away when the CRM comes for a file is called again.
FETCH_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class AmoCrmDesk(StageDesk):
    """Operators answer in chats."""

    timeline_mode: str = "chats"

    async def furnish(self, *, limited: bool) -> None:
        switches = {
            "rate_limited": limited,
            "fetches_media": True,
            "fetch_again_s": FETCH_AGAIN_S,
        }
        for name, value in switches.items():
            await self._switch(name, value)

    async def open_account(self, account: str, users: Sequence[str]) -> Mapping[str, int]:
        opened = await self._set_up("account", subdomain=account, users=list(users))
        return {user["name"]: user["id"] for user in opened["users"].values()}

    async def register(self, hub: str) -> Ours:
        ours = await self._set_up("integration", redirect_uri=f"{hub}/oauth", name="Threadline")
        values = {
            "client_id": ours["client_id"],
            "client_secret": ours["client_secret"],
            "redirect_uri": ours["redirect_uri"],
            "channel_id": CHANNEL,
            "channel_secret": SECRET,
            "amojo_base": f"{self.door.base}/amojo",
            "oauth_base": self.door.base,
            "trusted_origins": [self.door.base],
        }
        return Ours(client_id=ours["client_id"], values=values)

    async def take_hooks(self, ours: Ours, hooks: str, accounts: Sequence[str]) -> None:
        """In life support does this by hand, told where the hooks go."""
        await self._set_up(
            "channel",
            integration=ours.client_id,
            channel_id=CHANNEL,
            secret=SECRET,
            hook_url=f"{hooks}/:scope_id",
            approved=list(accounts),
        )

    async def admit(self, account: str, ours: Ours, *, lasting: bool = False) -> Mapping[str, Any]:
        kind = "long_lived_token" if lasting else "tokens"
        tokens = await self._set_up(kind, client_id=ours.client_id, account=account)
        accounts = (await self.door.get("state"))["accounts"]
        (ids,) = (each for each in accounts if each["subdomain"] == account)
        return {
            **{name: value for name, value in tokens.items() if value},
            "base": f"{self.door.base}/{account}",
            "account_id": str(ids["id"]),
            "amojo_id": ids["amojo_id"],
            "timeline": self.timeline_mode,
        }

    async def add_contact(self, account: str, name: str, phone: str) -> None:
        known = {"field_code": "PHONE", "values": [{"value": phone, "enum_code": "WORK"}]}
        body = {"name": name, "custom_fields_values": [known]}
        await self._set_up("contact", account=account, body=body)

    async def timeline(self, account: str) -> list[Json]:
        chats = (await self.door.get("timeline", account=account))["chats"]
        return [
            {**chat, "messages": [_shown(message) for message in chat["messages"]]}
            for chat in chats
        ]

    async def replies(self, account: str) -> list[Json]:
        replies = (await self.door.get("replies"))["replies"]
        return [reply for reply in replies if reply["account"] == account]

    async def tasks(self, account: str) -> list[Json]:
        tasks: list[Json] = (await self.door.get("tasks", account=account))["tasks"]
        return tasks


@dataclass(frozen=True, slots=True)
class AmoCrmNotesDesk(AmoCrmDesk):
    """Operators answer by notes on deals: the account has no chats."""

    timeline_mode: str = "notes"

    async def reply(self, account: str, chat: str, text: str, **details: Any) -> None:
        words = {"card_id": int(chat), "text": f"{PREFIX} {text}", "entity": "leads", **details}
        await self.door.post("write_note", {"account": account, **words})

    async def timeline(self, account: str) -> list[Json]:
        return as_timeline(*await self._cards(account))

    async def replies(self, account: str) -> list[Json]:
        return as_replies(*await self._cards(account))

    async def _cards(self, account: str) -> tuple[list[Json], list[Json], list[Json]]:
        views = ("notes", "contacts", "leads")
        notes, contacts, leads = [
            (await self.door.get(view, account=account))[view] for view in views
        ]
        return notes, contacts, leads


def _shown(message: Json) -> Json:
    name = message["content"].get("file_name", "")
    return {**message, "message_id": message["amojo_id"], "file_name": name}


PART = Part(
    name="amocrm",
    title="amoCRM",
    module="crm_clients.emulators.amocrm",
    make=lambda stage, _: AmoCrmEmulator(stage=stage),
    desk=AmoCrmDesk,
    modes={"notes": AmoCrmNotesDesk},
    bench=BENCH,
    faults=Faults(
        writes="POST /amojo/",
        questions="/api/v4/",
        files="GET /attachments/",
        flood="flood",
        expired="token_expired",
        doubled="duplicate_hook",
        reordered="reordered_hooks",
        passing=("flood", "duplicate_hook", "html_500"),
    ),
)
