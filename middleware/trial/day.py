"""The demonstration: one day of a small shop on emulators, in about a minute.

Six customers and two operators meet everything that makes such days hard: quick doubles, a known
contact, corrections, quotes, doubled webhooks, a customer who leaves, files and whatever else can
be shown, a text too long for one message, a CRM that is away, and a hub that is killed and comes
back. The verdict at the end compares what they said with what both sides hold, files byte by byte.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console

from mappers.text import Language
from middleware.trial.layout import USUAL_CRM, Layout
from middleware.trial.people import People
from middleware.trial.processes import TrialFailed
from middleware.trial.script import SCRIPTS, Script
from middleware.trial.show import Feed, titles_of, verdict_table
from middleware.trial.town import Town, discard, make_folder, town
from middleware.trial.verdict import Verdict

DOWN_S = 1.5
QUIET_WITHIN_S = 45.0
SHOP = "lavka"
Act = Callable[[People], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked of the demonstration. `once`: end with the verdict instead of staying.

    There is a shop for each of the `crms`.
    """

    language: Language
    once: bool
    report: Path | None
    folder: Path | None
    port: int = 0
    crms: tuple[str, ...] = (USUAL_CRM,)

    @property
    def shops(self) -> tuple[str, ...]:
        return (SHOP, *(f"{SHOP}-{name}" for name in self.crms[1:]))


@dataclass(frozen=True, slots=True)
class Day:
    """The chapters of the day, which every shop lives through at once."""

    here: Town
    console: Console = field(repr=False)
    script: Script = field(repr=False)

    @property
    def everybody(self) -> tuple[People, ...]:
        return tuple(People(self.here, shop, self.script) for shop in self.here.shops)

    async def play(self) -> None:
        """Play the whole day."""
        chapters: tuple[tuple[str, Act], ...] = (
            ("morning", People.morning),
            ("existing", People.known_customer),
            ("edits", People.corrections),
            ("duplicates", People.doubled_webhooks),
            ("blocked", People.customer_leaves),
            ("kinds", People.every_kind),
            ("long", People.long_text),
            ("outage", People.outage),
        )
        for name, act in chapters:
            await self._chapter(name, act)
        await self._power_cut()
        await self._chapter("evening", People.evening)

    async def _chapter(self, name: str, act: Act) -> None:
        title = self.script.narration[name].format(**titles_of(self.here.layout))
        self.console.rule(title, align="left")
        await self._all(act)

    async def _all(self, act: Act) -> None:
        await asyncio.gather(*(act(people) for people in self.everybody))

    async def _power_cut(self) -> None:
        await self._chapter("power", People.before_the_cut)
        await self.here.hub.kill()
        await self._all(People.while_it_is_down)
        await asyncio.sleep(DOWN_S)
        self.console.rule(self.script.narration["back"], align="left")
        await self.here.start_hub()
        await self._all(People.after_the_cut)


async def play_day(wishes: Wishes, console: Console) -> bool:
    """Play the demonstration and show the verdict; say whether it is clean."""
    script = SCRIPTS[wishes.language]
    folder = make_folder(wishes.folder)
    layout = Layout(
        folder=folder,
        shops=wishes.shops,
        crms=wishes.crms,
        operators=script.operators,
        language=wishes.language,
        hub_port=wishes.port,
    )
    console.print(script.narration["building"].format(**titles_of(layout)))
    is_clean = False
    try:
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
    for people in day.everybody:
        await people.move_in()
    began = time.monotonic()
    async with Feed(here, console, _names(day)).running():
        await day.play()
        verdict = await here.quiet(within_s=QUIET_WITHIN_S)
    took_s = round(time.monotonic() - began, 1)
    crms = await here.verdicts()
    console.print(verdict_table(crms, script.labels, script.narration["verdict"]))
    if not verdict.is_clean:
        await here.save_evidence()
    else:
        console.print(script.narration["clean"], style="bold green")
    if wishes.report is not None:
        write_report(wishes.report, verdict, crms, took_s=took_s)
    if not wishes.once:
        write_addresses(here)
        _show_next_steps(day, console)
        # Ctrl-C cancels the wait, and everything is taken down in order.
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    return verdict.is_clean


def _names(day: Day) -> dict[str, str]:
    people = day.everybody[0]
    return {str(people.phone_of(who)): name for who, name in day.script.customers.items()}


def write_report(path: Path, verdict: Verdict, crms: Mapping[str, Verdict], **more: Any) -> None:
    """Write the verdict over all, and under `crms` each one's own."""
    by_crm = {name: each.as_json() for name, each in crms.items()}
    report = {**verdict.as_json(), **more, "crms": by_crm}
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


def write_addresses(here: Town) -> Path:
    """Spell where everything is for a shell: `. FOLDER/addresses`, and the CLI finds the hub."""
    where = {
        here.layout.channel.upper(): here.channel.base,
        **{name.upper(): crm.base for name, crm in here.crms.items()},
        "THREADLINE_DATA_DIR": str(here.data_dir),
        "THREADLINE_PUBLIC_URL": here.hub_url,
    }
    path = here.layout.folder / "addresses"
    path.write_text("".join(f"export {name}={quote(at)}\n" for name, at in where.items()), "utf-8")
    return path


def _show_next_steps(day: Day, console: Console) -> None:
    here, told, people = day.here, day.script.narration, day.everybody
    steps = [
        (told["as_customer"], f"{here.channel.base}/_stage/say", _words(people[0])),
        *((_answering(each, told), *_reply(each)) for each in people),
    ]
    console.print(told["stays"].format(hub=here.hub_url), style="bold")
    console.print(told["try"])
    addresses = f". {quote(str(here.layout.folder / 'addresses'))}"
    console.print(
        f"  # {told['know']}\n  {addresses}", soft_wrap=True, highlight=False, markup=False
    )
    for what, address, body in steps:
        call = f"curl -d '{json.dumps(body, ensure_ascii=False)}' {address}"
        console.print(f"  # {what}\n  {call}", soft_wrap=True, highlight=False, markup=False)
    more = (
        ("see", f"curl {here.channel.base}/_stage/chats"),
        ("follow", "threadline tail"),
    )
    for what, call in more:
        console.print(f"  # {told[what]}\n  {call}", soft_wrap=True, highlight=False, markup=False)


def _words(people: People) -> dict[str, Any]:
    bot = {} if len(people.here.shops) == 1 else {"bot": people.shop.bot}
    return {**bot, "user_id": people.phone_of("quick"), "text": "…"}


def _reply(people: People) -> tuple[str, dict[str, Any]]:
    crm, chat = people.here.crm_of(people.shop), people.chat_of("quick")
    body = {"account": people.shop.name, "to": chat, "text": "…"}
    return f"{crm.base}/_stage/reply", body


def _answering(people: People, told: Mapping[str, str]) -> str:
    return told["as_operator"].format(crm=people.here.crm_of(people.shop).part.title)
