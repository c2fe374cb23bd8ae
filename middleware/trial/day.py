"""The demonstration: one day of a small shop on emulators, in about a minute.

Six customers and two operators meet everything that makes such days hard: quick doubles, a known
contact, corrections, quotes, doubled webhooks, a customer who leaves, files and whatever else can
be shown, a text too long for one message, a CRM that is away, and a hub that is killed and comes
back. The verdict at the end compares what they said with what both sides hold, files byte by byte.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console

from mappers.text import Language
from middleware.trial.layout import Layout
from middleware.trial.plan import Shop
from middleware.trial.processes import TrialFailed
from middleware.trial.script import SCRIPTS, Script, manual
from middleware.trial.show import Feed, verdict_table
from middleware.trial.things import FILES, OTHERS, TITLED, Sent, answers, look_of
from middleware.trial.town import Town, discard, make_folder, town
from middleware.trial.verdict import Verdict

PHONE = "+79161234567"
OUTAGE_S = 5.0
DOWN_S = 1.5
QUIET_WITHIN_S = 45.0
FIRST_CUSTOMER = 1001


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked of the demonstration. `once`: end with the verdict instead of staying."""

    language: Language
    once: bool
    report: Path | None
    folder: Path | None
    port: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """The people of the play, and what each chapter makes them do."""

    here: Town
    console: Console = field(repr=False)
    script: Script = field(repr=False)

    @property
    def shop(self) -> Shop:
        return self.here.shops[0]

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
        user_id = self.here.operators[self.script.operators[0]]
        chat = self.chat_of(who)
        await self.here.crm.send_files(self.shop.name, chat, sent, text, user_id=user_id)

    async def reply(self, who: str, text: str, operator: int = 0, **details: Any) -> None:
        """Answer a customer as soon as the operator can see their chat."""
        user_id = self.here.operators[self.script.operators[operator]]
        await self._seen(who, 1)
        await self.here.crm.reply(
            self.shop.name, self.chat_of(who), text, user_id=user_id, **details
        )

    async def answer(self, who: str, line: str, operator: int = 0) -> None:
        await self.reply(who, self.script.lines[line], operator)

    async def _seen(self, who: str, messages: int) -> list[dict[str, Any]]:
        """Wait until an operator sees so many messages of a customer; return them."""
        ends_at = time.monotonic() + QUIET_WITHIN_S
        while time.monotonic() < ends_at:
            self.here.check()
            for chat in await self.here.crm.timeline(self.shop.name):
                theirs = [m for m in chat["messages"] if not m["is_from_operator"]]
                if chat["client_id"] == self.chat_of(who) and len(theirs) >= messages:
                    return theirs
            await asyncio.sleep(0.1)
        raise TrialFailed(f"message {messages} of {self.script.customers[who]} never came")

    async def _answered(self) -> None:
        """Wait until operators know what became of everything they typed."""
        ends_at = time.monotonic() + QUIET_WITHIN_S
        while time.monotonic() < ends_at:
            self.here.check()
            if all(reply["statuses"] for reply in await self.here.crm.replies()):
                return
            await asyncio.sleep(0.1)
        raise TrialFailed("a reply got lost")

    def chapter(self, name: str) -> None:
        self.console.rule(self.script.narration[name], align="left")

    async def play(self) -> None:
        """Play the whole day."""
        chapters: tuple[Callable[[], Awaitable[None]], ...] = (
            self.morning,
            self.known_customer,
            self.corrections,
            self.doubled_webhooks,
            self.customer_leaves,
            self.every_kind,
            self.long_text,
            self.outage,
            self.power_cut,
            self.evening,
        )
        for chapter in chapters:
            await chapter()

    async def morning(self) -> None:
        self.chapter("morning")
        await self.say("quick", "hello")
        await self.say("quick", "delivery")
        await self.say("corrects", "mistyped")
        await self.say("late", "pattern")
        await self.answer("quick", "kettle")

    async def known_customer(self) -> None:
        self.chapter("existing")
        user = self.phone_of("known")
        await self.here.channel.act("share_contact", self.shop.bot, user, phone=PHONE)
        await self.say("known", "known")
        await self._seen("known", 2)
        await self.answer("known", "recognised", 1)

    async def corrections(self) -> None:
        self.chapter("edits")
        await self._seen("corrects", 1)
        text, user = self.script.lines["corrected"], self.phone_of("corrects")
        await self.here.channel.act("edit", self.shop.bot, user, message_id=1, text=text)
        asked = (await self._seen("quick", 2))[1]["amojo_id"]
        await self.reply("quick", self.script.lines["quote"], reply_to=asked)
        await self.answer("corrects", "cats", 1)

    async def doubled_webhooks(self) -> None:
        self.chapter("duplicates")
        await self.here.channel.arm("duplicate_update")
        await self.say("curious", "twice")
        await self.here.crm.arm("duplicate_hook")
        await self.answer("curious", "care", 1)

    async def customer_leaves(self) -> None:
        self.chapter("blocked")
        await self.say("leaves", "leaving")
        await self._seen("leaves", 1)
        await self.here.channel.act("block", self.shop.bot, self.phone_of("leaves"))
        await self.answer("leaves", "too_late", 1)

    async def every_kind(self) -> None:
        """Show what is no text: each kind of it, an album, words of somebody else, a reaction."""
        self.chapter("kinds")
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
        asked = (await self._seen("late", seen))[-1]["amojo_id"]
        await self.reply("late", self.script.lines["care"], reply_to=asked)
        for sent in answers("1"):
            await self.send("late", [sent], self.script.lines["catalogue"])
        album = [each for each in (*answers("2"), *answers("3")) if each.kind == "picture"]
        await self.send("late", album, self.script.lines["these"])
        user = self.phone_of("late")
        await self.here.channel.act("react", self.shop.bot, user, message_id=1, emoji="👍")

    async def long_text(self) -> None:
        self.chapter("long")
        await self.reply("curious", manual(self.script))
        await asyncio.sleep(1)

    async def outage(self) -> None:
        self.chapter("outage")
        await self.here.crm.arm("unavailable_before", times=-1)
        await self.say("quick", "outage_1")
        await self.say("quick", "outage_2")
        await self.say("known", "outage_3")
        await asyncio.sleep(OUTAGE_S)
        await self.here.crm.heal()
        await self._seen("quick", 4)
        await self._seen("known", 3)

    async def power_cut(self) -> None:
        self.chapter("power")
        await self._answered()  # a call that is cut in two would wait for a person
        await self.say("late", "while_down_1")
        await self.here.hub.kill()
        await self.say("corrects", "while_down_2")
        await self.answer("quick", "reply_down_1")
        await self.answer("known", "reply_down_2", 1)
        await asyncio.sleep(DOWN_S)
        self.chapter("back")
        await self.here.start_hub()
        await self._seen("late", 2)
        await self.answer("late", "open")

    async def evening(self) -> None:
        self.chapter("evening")
        await self.say("quick", "thanks")
        await self._seen("quick", 5)
        await self.answer("quick", "bye")


async def play_day(wishes: Wishes, console: Console) -> bool:
    """Play the demonstration and show the verdict; say whether it is clean."""
    script = SCRIPTS[wishes.language]
    folder = make_folder(wishes.folder)
    console.print(script.narration["building"])
    is_clean = False
    try:
        layout = Layout(
            folder=folder,
            operators=script.operators,
            language=wishes.language,
            hub_port=wishes.port,
        )
        async with town(layout) as here:
            is_clean = await _play_in(here, wishes, console)
    except TrialFailed as why:
        console.print(script.narration["failed"].format(why=why, folder=folder), style="red")
        return False
    if not is_clean:
        console.print(script.narration["dirty"].format(folder=folder), style="red")
    elif wishes.folder is None:
        discard(folder)
    return is_clean


async def _play_in(here: Town, wishes: Wishes, console: Console) -> bool:
    script = SCRIPTS[wishes.language]
    day = Day(here, console, script)
    phone = {"field_code": "PHONE", "values": [{"value": PHONE, "enum_code": "WORK"}]}
    known = {"name": script.customers["known"], "custom_fields_values": [phone]}
    await here.crm.set_up("contact", account=day.shop.name, body=known)
    began = time.monotonic()
    async with Feed(here, console, _names(day)).running():
        await day.play()
        verdict = await here.quiet(within_s=QUIET_WITHIN_S, contacts_before=1)
    took_s = round(time.monotonic() - began, 1)
    console.print(verdict_table(verdict, script.labels, script.narration["verdict"]))
    if not verdict.is_clean:
        await here.save_evidence()
    else:
        console.print(script.narration["clean"], style="bold green")
    if wishes.report is not None:
        write_report(wishes.report, verdict, took_s=took_s)
    if not wishes.once:
        write_addresses(here)
        _show_next_steps(day, console)
        # Ctrl-C cancels the wait, and everything is taken down in order.
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    return verdict.is_clean


def _names(day: Day) -> dict[str, str]:
    customers = {str(day.phone_of(who)): name for who, name in day.script.customers.items()}
    return customers | {str(user): name for name, user in day.here.operators.items()}


def write_report(path: Path, verdict: Verdict, **more: Any) -> None:
    report = {**verdict.as_json(), **more}
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


def write_addresses(here: Town) -> Path:
    """Spell where everything is for a shell: `. FOLDER/addresses`, and the CLI finds the hub."""
    where = {
        here.layout.channel_env: here.channel.base,
        here.layout.crm_env: here.crm.base,
        "THREADLINE_DATA_DIR": str(here.data_dir),
        "THREADLINE_PUBLIC_URL": here.hub_url,
    }
    path = here.layout.folder / "addresses"
    path.write_text("".join(f"export {name}={quote(at)}\n" for name, at in where.items()), "utf-8")
    return path


def _show_next_steps(day: Day, console: Console) -> None:
    here, told = day.here, day.script.narration
    user, chat = day.phone_of("quick"), day.chat_of("quick")
    steps = (
        ("as_customer", f"{here.channel.base}/_stage/say", {"user_id": user, "text": "…"}),
        (
            "as_operator",
            f"{here.crm.base}/_stage/reply",
            {"account": day.shop.name, "to": chat, "text": "…"},
        ),
    )
    console.print(told["stays"].format(hub=here.hub_url), style="bold")
    console.print(told["try"])
    addresses = f". {quote(str(here.layout.folder / 'addresses'))}"
    console.print(
        f"  # {told['know']}\n  {addresses}", soft_wrap=True, highlight=False, markup=False
    )
    for what, address, body in steps:
        call = f"curl -d '{json.dumps(body, ensure_ascii=False)}' {address}"
        console.print(f"  # {told[what]}\n  {call}", soft_wrap=True, highlight=False, markup=False)
    more = (
        ("see", f"curl {here.channel.base}/_stage/chats"),
        ("follow", "threadline tail"),
    )
    for what, call in more:
        console.print(f"  # {told[what]}\n  {call}", soft_wrap=True, highlight=False, markup=False)
