"""The admin of a chaos run: decides what is held by looking at the customer's phone.

What an operator is told in the CRM names the delivery in its link. On the phone the reply is
there, and then it was sent, or it is not, and then it is sent again.
"""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from middleware.trial.evidence import UNSURE, Records, conversation_of, file_in
from middleware.trial.town import Town

LINK = re.compile(r"/held/([0-9a-f-]{36})")
LOOK_EVERY_S = 1.0
# A call that is still hanging at the provider may arrive yet: a careful person waits.
PATIENCE_S = 5.0
SETTLE = "/_trial/settle"
Decision = Literal["sent", "send"]


@dataclass(slots=True)
class Admin:
    """Looks again and again until cancelled. `decided` counts the decisions that were taken."""

    here: Town
    decided: Counter[Decision] = field(default_factory=Counter)

    async def run(self) -> None:
        while True:
            for shop in self.here.shops:
                await self._look(await self.here.records(shop))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, records: Records) -> None:
        phones = {
            str(chat["chat_id"]): {_what(message) for message in chat["messages"]}
            for chat in records.chats
        }
        for reply in records.replies:
            subject = _waits_for_us(reply)
            if subject is not None:
                phone = phones.get(conversation_of(reply["client_conversation_id"]), set())
                await self._decide(
                    subject, "sent" if (reply["text"], reply["sha256"]) in phone else "send"
                )

    async def _decide(self, subject: str, decision: Decision) -> None:
        asked = {"subject": subject, "decision": decision}
        try:
            answer = await self.here.channel.client.post(
                f"{self.here.hub_url}{SETTLE}", json=asked, timeout=10
            )
        except httpx.TransportError:
            return  # the hub is away; the link is still there when it is back
        if answer.is_success:
            self.decided[decision] += 1


def _what(message: dict[str, Any] | Any) -> tuple[str, str]:
    return message["text"], file_in(message)


def _waits_for_us(reply: dict[str, Any] | Any) -> str | None:
    """Return what the newest word about a reply asks us to decide."""
    last = reply["statuses"][-1] if reply["statuses"] else {}
    words = str(last.get("error") or "")
    link = LINK.search(words)
    if link is None or not words.startswith(UNSURE):
        return None
    return link[1] if time.time() - last["at"] > PATIENCE_S else None
