"""How a trial looks: a feed of what happens, line by line, and the table at the end.

The feed is made of what the stages tell, so a lag shown here is one that both sides agree on. It
is plain lines when nobody watches: no cursor is moved and no colour sent where none is wanted.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crm_clients.emulators.contract import FAILED
from crm_clients.emulators.registry import PARTS
from middleware.trial.evidence import Records, conversation_of, file_in
from middleware.trial.layout import Layout
from middleware.trial.plan import Shop
from middleware.trial.town import Town
from middleware.trial.verdict import Lag, Verdict, squeezed

LOOK_EVERY_S = 0.25
WIDEST = 64
MUST_BE_ZERO = ("lost", "files_missing", "duplicated", "out_of_order")
ONLY_IF_ANY = ("unexplained", "outdated", "misreported")


def titles_of(layout: Layout) -> dict[str, str]:
    """Name what a town is made of, for the narrator."""
    crms = ", ".join(part.title for part in layout.crm_parts)
    return {"channel": layout.channel_part.title, "crms": crms}


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


@dataclass(slots=True)
class Feed:
    """Tells what is new on the stages since the last look. `names` are those of customers."""

    here: Town
    console: Console
    names: Mapping[str, str]
    _known: set[tuple[Any, ...]] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell what happens while the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        for shop in self.here.shops:
            records = await self.here.records(shop)
            lines = [*self._customers(shop, records), *self._operators(shop, records)]
            for _, line in sorted(lines, key=lambda each: each[0]):
                # What is read later is not cut; a terminal shows one line for one event.
                is_watched = self.console.is_terminal
                self.console.print(
                    line, no_wrap=True, overflow="ellipsis", soft_wrap=not is_watched
                )

    def _is_new(self, *key: Any) -> bool:
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    def _customers(self, shop: Shop, records: Records) -> list[tuple[float, Text]]:
        lines, said = [], dict[tuple[str, str], float]()
        for number, act in enumerate(records.said):
            chat = str(act["chat_id"])
            is_edit = act["kind"] == "edit"
            if not is_edit:
                said[chat, _known_by(act["text"], file_in(act))] = act["at"]
            if self._is_new(shop.name, "said", number):
                mark = "✎" if is_edit else "→"
                words = act["text"] if is_edit else _words_of(act)
                lines.append((act["at"], self._line("cyan", mark, self._name(shop, chat), words)))
        for chat_view in records.timeline:
            chat = conversation_of(chat_view["client_id"])
            for entry in chat_view["messages"]:
                text, file = entry["text"], entry["sha256"]
                key = (shop.name, "entry", entry["message_id"], text, file)
                if entry["is_from_operator"] or not self._is_new(*key):
                    continue
                lag = _lag(said.get((chat, _known_by(text, file))), entry["appeared_at"])
                words = _with_name(entry, text)
                line = self._line("green", "  ✓ CRM", self._name(shop, chat), words, lag)
                lines.append((entry["appeared_at"], line))
        return lines

    def _operators(self, shop: Shop, records: Records) -> list[tuple[float, Text]]:
        lines, typed = [], dict[tuple[str, str], float]()
        names = {number: name for name, number in shop.operators.items()}
        for reply in records.replies:
            chat = conversation_of(reply["client_conversation_id"])
            typed[chat, _known_by(reply["text"], reply["sha256"])] = reply["at"]
            if self._is_new(shop.name, "typed", reply["message_id"]):
                who = f"{names.get(reply['user_id'], '?')} ⇢ {self._name(shop, chat)}"
                words = _with_name(reply, reply["text"])
                lines.append((reply["at"], self._line("magenta", "←", who, words)))
            lines += self._statuses(shop, reply, chat)
        for phone in records.chats:
            chat = str(phone["chat_id"])
            for message in phone["messages"]:
                key = (shop.name, "chat", chat, message["message_id"])
                if message["from"] != "bot" or not self._is_new(*key):
                    continue
                known_by = _known_by(message["text"], file_in(message))
                lag = _lag(typed.get((chat, known_by)), message["at"])
                words = _words_of(message)
                line = self._line("green", "  ✓ chat", self._name(shop, chat), words, lag)
                lines.append((message["at"], line))
        return lines

    def _statuses(
        self, shop: Shop, reply: Mapping[str, Any], chat: str
    ) -> list[tuple[float, Text]]:
        lines = []
        for number, status in enumerate(reply["statuses"]):
            is_new = self._is_new(shop.name, "status", reply["message_id"], number)
            if is_new and status["code"] == FAILED:
                words = f"{short(reply['text'])} — {status['error']}"
                line = self._line("yellow", "  ! CRM", self._name(shop, chat), words)
                lines.append((status["at"], line))
        return lines

    def _name(self, shop: Shop, chat: str) -> str:
        """Name a customer and, where there are several CRMs, theirs."""
        name = self.names.get(chat, chat)
        return name if len(self.here.crms) == 1 else f"{name} · {self.here.crm_of(shop).part.title}"

    @staticmethod
    def _line(style: str, mark: str, who: str, words: str, lag: str = "") -> Text:
        return Text.assemble(
            (f"{mark:<9}", style), (f"{who}: ", "bold"), short(words), (lag, "dim")
        )


def _known_by(text: str, file: str) -> str:
    return file or squeezed(text)


def _words_of(message: Mapping[str, Any]) -> str:
    """Name what a message of the channel shows, before its words."""
    shown = (f"[{thing['kind']}]" for thing in message["shown"])
    return " ".join(part for part in (*shown, message["text"]) if part)


def _with_name(content: Mapping[str, Any], text: str) -> str:
    name = content.get("file_name")
    return f"[{name}] {text}".strip() if name else text


def _lag(since: float | None, at: float) -> str:
    return "" if since is None else f"  {max(0, round((at - since) * 1000))} ms"


def verdict_table(verdicts: Mapping[str, Verdict], labels: Mapping[str, str], title: str) -> Table:
    """Lay the counts out, a column for each CRM; what has to be zero is green when it is."""
    table = Table(title=title, title_justify="left", show_header=len(verdicts) > 1)
    table.add_column(no_wrap=True)
    for name in verdicts:
        table.add_column(PARTS[name].title, justify="right")
    counts = [verdict.as_json() for verdict in verdicts.values()]
    for name in labels:
        values = [each[name] for each in counts if name in each]
        if values and not (name in ONLY_IF_ANY and not any(values)):
            is_bad = name in (*MUST_BE_ZERO, *ONLY_IF_ANY)
            table.add_row(labels[name], *(_counted(value, is_bad=is_bad) for value in values))
    for way in ("in", "out"):
        lags = (_shown(verdict.lag_ms[way]) for verdict in verdicts.values())
        table.add_row(labels[f"lag_{way}"], *lags)
    return table


def _counted(value: int, *, is_bad: bool) -> Text:
    style = "" if not is_bad else "bold red" if value else "bold green"
    return Text(str(value), style)


def _shown(lag: Lag) -> str:
    return "—" if lag.p50 is None else f"{lag.p50} / {lag.p95}"
