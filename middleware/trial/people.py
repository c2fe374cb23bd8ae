"""The people of the demonstration: six customers and two operators of one shop, act by act."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.emulators.contract import Sent
from middleware.trial.plan import Shop
from middleware.trial.processes import TrialFailed
from middleware.trial.script import Script, manual
from middleware.trial.stages import CrmStage
from middleware.trial.things import FILES, OTHERS, TITLED, answers, look_of
from middleware.trial.town import Town

PHONE = "+79161234567"
OUTAGE_S = 5.0
SEEN_WITHIN_S = 45.0
FIRST_CUSTOMER = 1001


@dataclass(frozen=True, slots=True)
class People:
    """The customers and operators of one shop, and what each chapter makes them do."""

    here: Town
    shop: Shop
    script: Script = field(repr=False)

    @property
    def _crm(self) -> CrmStage:
        return self.here.crm_of(self.shop)

    def phone_of(self, who: str) -> int:
        return FIRST_CUSTOMER + list(self.script.customers).index(who)

    def chat_of(self, who: str) -> str:
        bot = self.shop.bot.partition(":")[0]
        return f"{self.here.channel_name}:{bot}:{self.phone_of(who)}"

    async def say(self, who: str, line: str, **details: Any) -> Any:
        said = {"text": self.script.lines[line], "name": self.script.customers[who], **details}
        return await self.here.channel.act("say", self.shop.bot, self.phone_of(who), **said)

    async def show(self, who: str, kind: str, unlike: int = 0, /, **look: Any) -> None:
        shown = look_of(kind, unlike, look.pop("caption", "")) | look
        await self.here.channel.act("show", self.shop.bot, self.phone_of(who), **shown)

    async def send(self, who: str, sent: Sequence[Sent], text: str) -> None:
        """Answer a customer with files."""
        user_id = self.shop.operators[self.script.operators[0]]
        chat = self.chat_of(who)
        await self._crm.desk.send_files(self.shop.name, chat, sent, text, user_id=user_id)

    async def reply(self, who: str, text: str, operator: int = 0, **details: Any) -> None:
        """Answer a customer as soon as the operator can see their chat."""
        user_id = self.shop.operators[self.script.operators[operator]]
        await self._seen(who, 1)
        chat = self.chat_of(who)
        await self._crm.desk.reply(self.shop.name, chat, text, user_id=user_id, **details)

    async def answer(self, who: str, line: str, operator: int = 0) -> None:
        await self.reply(who, self.script.lines[line], operator)

    async def _seen(self, who: str, messages: int) -> list[dict[str, Any]]:
        """Wait until an operator sees so many messages of a customer; return them."""
        ends_at = time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < ends_at:
            self.here.check()
            for chat in await self._crm.desk.timeline(self.shop.name):
                theirs = [m for m in chat["messages"] if not m["is_from_operator"]]
                if chat["client_id"] == self.chat_of(who) and len(theirs) >= messages:
                    return theirs
            await asyncio.sleep(0.1)
        raise TrialFailed(f"message {messages} of {self.script.customers[who]} never came")

    async def _answered(self) -> None:
        """Wait until operators know what became of everything they typed."""
        ends_at = time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < ends_at:
            self.here.check()
            replies = await self._crm.desk.replies(self.shop.name)
            if all(reply["statuses"] for reply in replies):
                return
            await asyncio.sleep(0.1)
        raise TrialFailed("a reply got lost")

    async def move_in(self) -> None:
        """Let the CRM know one of the customers already."""
        await self._crm.desk.add_contact(self.shop.name, self.script.customers["known"], PHONE)
        self.here.known[self.shop.name] += 1

    async def morning(self) -> None:
        await self.say("quick", "hello")
        await self.say("quick", "delivery")
        await self.say("corrects", "mistyped")
        await self.say("late", "pattern")
        await self.answer("quick", "kettle")

    async def known_customer(self) -> None:
        user = self.phone_of("known")
        await self.here.channel.act("share_contact", self.shop.bot, user, phone=PHONE)
        await self.say("known", "known")
        await self._seen("known", 2)
        await self.answer("known", "recognised", 1)

    async def corrections(self) -> None:
        await self._seen("corrects", 1)
        text, user = self.script.lines["corrected"], self.phone_of("corrects")
        await self.here.channel.act("edit", self.shop.bot, user, message_id=1, text=text)
        asked = (await self._seen("quick", 2))[1]["message_id"]
        await self.reply("quick", self.script.lines["quote"], reply_to=asked)
        await self.answer("corrects", "cats", 1)

    async def doubled_webhooks(self) -> None:
        await self.here.channel.arm("duplicate_update")
        await self.say("curious", "twice")
        faults = self._crm.part.faults
        await self._crm.arm(faults.doubled, match=faults.hooks)
        await self.answer("curious", "care", 1)

    async def customer_leaves(self) -> None:
        await self.say("leaves", "leaving")
        await self._seen("leaves", 1)
        await self.here.channel.act("block", self.shop.bot, self.phone_of("leaves"))
        await self.answer("leaves", "too_late", 1)

    async def every_kind(self) -> None:
        """Show what is no text: each kind of it, an album, words of somebody else, a reaction."""
        lines, before = self.script.lines, len(await self._seen("late", 1))
        for kind in FILES:
            await self.show("late", kind, caption=lines["like_this"])
        for number in (1, 2):
            await self.show("late", "photo", number, album="tablecloths")
        for kind in OTHERS:
            named = {"file_name": lines[kind]} if kind in TITLED else {}
            await self.show("late", kind, **named)
        user = self.phone_of("late")
        await self.here.channel.act("share_contact", self.shop.bot, user, phone=PHONE, whose_id=0)
        passed_on = {"forwarded_from": lines["friend"]}
        forward = await self.say("late", "forwarded", **passed_on)
        await self.say("late", "colours", reply_to=forward["message_id"])
        await self._answer_with_files(before + len(FILES) + 2 + len(OTHERS) + 3)

    async def _answer_with_files(self, seen: int) -> None:
        asked = (await self._seen("late", seen))[-1]["message_id"]
        await self.reply("late", self.script.lines["care"], reply_to=asked)
        for sent in answers("1"):
            await self.send("late", [sent], self.script.lines["catalogue"])
        album = [each for each in (*answers("2"), *answers("3")) if each.kind == "picture"]
        await self.send("late", album, self.script.lines["these"])
        user = self.phone_of("late")
        await self.here.channel.act("react", self.shop.bot, user, message_id=1, emoji="👍")

    async def long_text(self) -> None:
        await self.reply("curious", manual(self.script))
        await asyncio.sleep(1)

    async def outage(self) -> None:
        await self._crm.arm("unavailable_before", times=-1)
        await self.say("quick", "outage_1")
        await self.say("quick", "outage_2")
        await self.say("known", "outage_3")
        await asyncio.sleep(OUTAGE_S)
        await self._crm.heal()
        await self._seen("quick", 4)
        await self._seen("known", 3)

    async def before_the_cut(self) -> None:
        await self._answered()  # a call that is cut in two would wait for a person
        await self.say("late", "while_down_1")

    async def while_it_is_down(self) -> None:
        await self.say("corrects", "while_down_2")
        await self.answer("quick", "reply_down_1")
        await self.answer("known", "reply_down_2", 1)

    async def after_the_cut(self) -> None:
        await self._seen("late", 2)
        await self.answer("late", "open")

    async def evening(self) -> None:
        await self.say("quick", "thanks")
        await self._seen("quick", 5)
        await self.answer("quick", "bye")
