"""Bitrix24's part in a trial: the desk of its operators, and how its portals are connected."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_clients.emulators.contract import FAILED, Faults, Json, Ours, Part
from crm_clients.emulators.desk import StageDesk

from .emulator import Bitrix24Emulator
from .operators import RULE

# Put where a customer's text would be markup; nobody sees it.
GAP = "\N{ZERO WIDTH SPACE}"
TO_DO = "CRM_TODO"
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Bitrix24Desk(StageDesk):
    """Operators answer in an open line."""

    async def furnish(self, *, limited: bool) -> None:
        await self._switch("rate_limited", limited)

    async def open_account(self, account: str, users: Sequence[str]) -> Mapping[str, int]:
        opened = await self._set_up("portal", slug=account, users=list(users))
        return {name: int(number) for number, name in opened["users"].items()}

    async def register(self, hub: str) -> Ours:
        ours = await self._set_up("application", install_url=f"{hub}/oauth", name="Threadline")
        values = {
            "client_id": ours["client_id"],
            "client_secret": ours["client_secret"],
            "oauth_base": self.door.base,
            "trusted_origins": [self.door.base],
        }
        return Ours(client_id=ours["client_id"], values=values)

    async def take_hooks(self, ours: Ours, hooks: str, accounts: Sequence[str]) -> None:
        """Nobody has to be told: whoever is connected subscribes to what they want to hear."""

    async def admit(self, account: str, ours: Ours, *, lasting: bool = False) -> Mapping[str, Any]:
        """Install the application, and tell what the installation would."""
        if lasting:
            await self._switch("token_life_s", YEAR_S)
        asked = {"portal": account, "client_id": ours.client_id, "quietly": True}
        told = await self._set_up("installation", **asked)
        return {
            "base": f"{self.door.base}/{account}",
            "oauth_base": self.door.base,
            "member_id": told["member_id"],
            "access_token": told["access_token"],
            "refresh_token": told["refresh_token"],
            "application_token": told["application_token"],
        }

    async def add_contact(self, account: str, name: str, phone: str) -> None:
        phones = [{"VALUE": phone, "VALUE_TYPE": "WORK"}]
        asked = {"entity": "contact", "fields": {"NAME": name, "PHONE": phones}}
        await self._set_up("card", account=account, **asked)

    async def timeline(self, account: str) -> list[Json]:
        dialogs = (await self.door.get("timeline", account=account))["chats"]
        return [
            {**dialog, "messages": [_shown(message) for message in dialog["messages"]]}
            for dialog in dialogs
        ]

    async def replies(self, account: str) -> list[Json]:
        dialogs = (await self.door.get("timeline", account=account))["chats"]
        failures = _failures(message for dialog in dialogs for message in dialog["messages"])
        replies = (await self.door.get("replies"))["replies"]
        return [
            part
            for reply in replies
            if reply["account"] == account
            for part in _parts(reply, failures[reply["message_id"]])
        ]

    async def tasks(self, account: str) -> list[Json]:
        kept = (await self.door.get("activities", account=account))["activities"]
        return [
            each
            for each in kept
            if each["fields"]["PROVIDER_ID"] == TO_DO and not each["is_deleted"]
        ]


def _shown(message: Json) -> Json:
    """What the system says, and what colleagues whisper, is no customer's either."""
    name = next((each["name"] for each in message["files"]), "")
    return {
        **message,
        "text": message["text"].replace(GAP, ""),
        "is_from_operator": message["direction"] == "outgoing",
        "file_name": name,
    }


def _failures(messages: Iterator[Json]) -> dict[str, list[Json]]:
    """What the system said of replies: its words have a name, which ends in the reply's."""
    found: dict[str, list[Json]] = defaultdict(list)
    for message in messages:
        if message["is_system"] and message["client_id"]:
            about = message["client_id"].rpartition(":")[2]
            said = message["text"].replace(GAP, "")
            words = {"at": message["appeared_at"], "code": FAILED, "error": said}
            found[about].append(words)
    return found


def _parts(reply: Json, failures: Sequence[Json]) -> Iterator[Json]:
    """A reply as its customer gets it: a message for each file, the words with the first."""
    told = sorted((*reply["statuses"], *failures), key=lambda status: status["at"])
    text = "\n".join(line for line in reply["text"].split("\n") if line != RULE)
    for number, held in enumerate(reply["files"] or [{"name": "", "sha256": ""}]):
        yield {
            **reply,
            "message_id": f"{reply['message_id']}.{number}",
            "text": "" if number else text,
            "file_name": held["name"],
            "sha256": held["sha256"],
            "statuses": told,
        }


PART = Part(
    name="bitrix24",
    title="Bitrix24",
    module="crm_clients.emulators.bitrix24",
    make=lambda stage, base: Bitrix24Emulator(stage=stage, base=base),
    desk=Bitrix24Desk,
    faults=Faults(
        writes="/rest/imconnector.send.messages",
        questions="/rest/",
        files="/pub/im.file.php",
        flood="QUERY_LIMIT_EXCEEDED",
        expired="expired_token",
        doubled="duplicate_event",
        reordered="reordered_events",
        hooks="ONIMCONNECTORMESSAGEADD",
        passing=("QUERY_LIMIT_EXCEEDED", "duplicate_event", "html_500", "html_502", "empty_200"),
    ),
)
