"""HubSpot's part in a trial: the desk of its operators, and how its portals are connected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_clients.emulators.contract import Faults, Json, Ours, Part
from crm_clients.emulators.desk import StageDesk
from crm_clients.emulators.notes import PREFIX, as_replies, as_timeline

from .emulator import HubSpotEmulator
from .stub import BENCH

YEAR_S = 365 * 24 * 3600
LAG_S = 10.0
# What an application's project subscribes to, with the property that an event is about.
HEARD = (
    ("contact.deletion", ""),
    ("contact.restore", ""),
    ("contact.merge", ""),
    ("contact.privacyDeletion", ""),
    ("deal.deletion", ""),
    ("deal.restore", ""),
    ("deal.merge", ""),
    ("deal.propertyChange", "dealstage"),
    ("ticket.deletion", ""),
    ("ticket.restore", ""),
    ("ticket.merge", ""),
    ("ticket.propertyChange", "hs_pipeline_stage"),
)


@dataclass(frozen=True, slots=True)
class HubSpotDesk(StageDesk):
    """Operators answer in an inbox."""

    timeline_mode: str = "channel"

    async def furnish(self, *, limited: bool) -> None:
        await self._switch("rate_limited", limited)

    async def open_account(self, account: str, users: Sequence[str]) -> Mapping[str, int]:
        opened = await self._set_up("portal", name=account, users=list(users))
        return {name: int(number) for number, name in opened["users"].items()}

    async def register(self, hub: str) -> Ours:
        callback = f"{hub}/oauth/hubspot/callback"
        ours = await self._set_up("application", redirect_uri=callback, name="Threadline")
        values = {
            "client_id": ours["client_id"],
            "client_secret": ours["client_secret"],
            "app_id": str(ours["app_id"]),
            "developer_key": ours["developer_key"],
            "redirect_uri": callback,
            "api_base": self.door.base,
            "app_base": self.door.base,
            "trusted_origins": [self.door.base],
        }
        for event, named in HEARD:
            asked = {"app": ours["client_id"], "event": event, "property_name": named}
            await self.door.post("subscribe", asked)
        return Ours(client_id=ours["client_id"], values=values)

    async def take_hooks(self, ours: Ours, hooks: str, accounts: Sequence[str]) -> None:
        """In life the developer writes it into the application's project."""
        del accounts
        await self.door.post("set_hook", {"app": ours.client_id, "url": hooks})

    async def admit(self, account: str, ours: Ours, *, lasting: bool = False) -> Mapping[str, Any]:
        if lasting:
            await self._switch("token_life_s", YEAR_S)
        told = await self._set_up("installation", portal=account, app=ours.client_id)
        return {
            "portal_id": str(told["hub_id"]),
            "access_token": told["access_token"],
            "refresh_token": told["refresh_token"],
            "scopes": told["scopes"],
            "api_base": self.door.base,
            "timeline": self.timeline_mode,
        }

    async def add_contact(self, account: str, name: str, phone: str) -> None:
        """Add somebody who has been there for long: search knows them."""
        await self._switch("search_lag_s", 0.0)
        await self._set_up("contact", account=account, name=name, phone=phone)
        await self._switch("search_lag_s", LAG_S)

    async def timeline(self, account: str) -> list[Json]:
        threads: list[Json] = (await self.door.get("timeline", account=account))["timeline"]
        return threads

    async def replies(self, account: str) -> list[Json]:
        replies = (await self.door.get("replies"))["replies"]
        return [part for each in replies if each["account"] == account for part in _parts(each)]

    async def tasks(self, account: str) -> list[Json]:
        return await self._entries(account, "tasks")

    async def _entries(self, account: str, kind: str) -> list[Json]:
        kept = (await self.door.get("entries", account=account))["entries"]
        return [each for each in kept if each["kind"] == kind and not each["is_deleted"]]


@dataclass(frozen=True, slots=True)
class HubSpotCardsDesk(HubSpotDesk):
    """Operators answer by notes on deals: the portal has no channel of ours."""

    timeline_mode: str = "cards"

    async def reply(self, account: str, chat: str, text: str, **details: Any) -> None:
        words = {"card_id": int(chat), "text": f"{PREFIX} {text}", **details}
        await self.door.post("write_note", {"account": account, **words})

    async def timeline(self, account: str) -> list[Json]:
        return as_timeline(*await self._cards(account))

    async def replies(self, account: str) -> list[Json]:
        return as_replies(*await self._cards(account))

    async def _cards(self, account: str) -> tuple[list[Json], list[Json], list[Json]]:
        """Notes, contacts and deals, in the words that such desks share."""
        notes: list[Json] = (await self.door.get("notes", account=account))["notes"]
        deals: list[Json] = (await self.door.get("deals", account=account))["deals"]
        leads = [{"id": each["id"], "contact_ids": each["tied"]["contacts"]} for each in deals]
        return notes, await self.contacts(account), leads


def _parts(reply: Json) -> Iterator[Json]:
    """A reply as its customer gets it: a message for each file, the words with the first."""
    for number, held in enumerate(reply["files"] or [{"name": "", "sha256": ""}]):
        yield {
            **reply,
            "message_id": f"{reply['message_id']}.{number}",
            "text": "" if number else reply["text"],
            "file_name": held["name"],
            "sha256": held["sha256"],
        }


PART = Part(
    name="hubspot",
    title="HubSpot",
    module="crm_clients.emulators.hubspot",
    make=lambda stage, base: HubSpotEmulator(stage=stage, base=base),
    desk=HubSpotDesk,
    modes={"timeline": HubSpotCardsDesk},
    bench=BENCH,
    faults=Faults(
        writes="POST /conversations/custom-channels/",
        questions="/crm/",
        files="GET /hubfs/",
        flood="ten_secondly_limit",
        expired="expired_token",
        doubled="duplicate_hook",
        reordered="reordered_hooks",
        hooks="OUTGOING_CHANNEL_MESSAGE_CREATED",
        passing=(
            *("ten_secondly_limit", "duplicate_hook", "internal_error_before"),
            *("internal_error_after", "gateway_timeout_after", "no_answer_in_100_s_after"),
        ),
    ),
)
