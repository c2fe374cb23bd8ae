"""Conversations for a chaos run: customers write, operators answer, each text said once.

Who speaks and what is drawn from the seed. When is not: that depends on the machine. A good part of
it is not text, in both directions, and no file is like any other.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from middleware.trial.evidence import conversation_of
from middleware.trial.plan import Shop
from middleware.trial.things import FILES, OTHERS, answers, look_of
from middleware.trial.town import Town

FIRST_CUSTOMER = 1001
MOST_CUSTOMERS = 12
MESSAGES_OF_A_CUSTOMER = 8
A_SECOND = 5.0
LOOK_EVERY_S = 1.0
TYPING_TAKES_S = 1.0
EDITED_SHARE = 0.06
SHOWN_SHARE = 0.4
SENT_SHARE = 0.3
# What customers do beside writing; words of others cannot be edited.
ACTS = (*FILES, *OTHERS, "contact", "album", "forward", "answer")
PHONE = "+79990001122"
NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар")
ASKED = (
    "Подскажите, пожалуйста, по заказу",
    "А доставка сегодня будет",
    "Хочу поменять цвет",
    "Спасибо, жду",
    "Есть ли скидка",
)
ANSWERED = (
    "Добрый день, уже смотрю",
    "Курьер выехал",
    "Поменяли, проверьте",
    "Да, конечно",
    "Скидка десять процентов",
)


@dataclass(slots=True)
class Traffic:
    """One shop's customers and operators. `typing` is held by whoever types at the moment."""

    here: Town
    shop: Shop
    rng: random.Random
    messages: int
    typing: asyncio.Lock = field(default_factory=asyncio.Lock)
    open_chats: dict[str, str] = field(default_factory=dict)
    _rests: dict[str, float] = field(default_factory=dict)
    _last: dict[int, int] = field(default_factory=dict)
    _said: int = 0
    _typed: int = 0

    @property
    def customers(self) -> range:
        count = min(MOST_CUSTOMERS, max(2, self.messages // MESSAGES_OF_A_CUSTOMER))
        return range(FIRST_CUSTOMER, FIRST_CUSTOMER + count)

    @property
    def half(self) -> int:
        return self.messages // 2

    async def run(self) -> None:
        """Say everything there is to say."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch())
            await asyncio.gather(self._customers(), self._operators())
            watching.cancel()

    async def _pause(self) -> None:
        await asyncio.sleep(self.rng.expovariate(A_SECOND / 2))

    async def _customers(self) -> None:
        while self._said < self.half:
            await self._say()
            await self._pause()

    async def _say(self) -> None:
        """One message, sometimes corrected at once. Everybody says something once at least."""
        act, bot, number = self.here.channel.act, self.shop.bot, self._said
        is_first_round = number < len(self.customers)
        user = self.customers[number] if is_first_round else self.rng.choice(self.customers)
        text = f"{self.rng.choice(ASKED)} · {number}"
        if not is_first_round and self.rng.random() < SHOWN_SHARE:
            said = await self._show(user, text)
        else:
            said = await act("say", bot, user, text=text, name=f"{self.rng.choice(NAMES)} {user}")
        self._said += 1
        self._last[user] = said["message_id"]
        if said["text"] and self.rng.random() < EDITED_SHARE:
            await act("edit", bot, user, message_id=said["message_id"], text=f"{text}, да")

    async def _show(self, user: int, text: str) -> Any:
        """Do something else than write; return the last message that it became."""
        act, bot, number = self.here.channel.act, self.shop.bot, self._said
        match self.rng.choice(ACTS):
            case "contact":
                return await act("share_contact", bot, user, phone=PHONE, whose_id=0)
            case "album":
                look, more = look_of("photo", number, text), look_of("video", number)
                album = {"album": f"album {number}"}
                await act("show", bot, user, **look, **album)
                self._said += 1
                return await act("show", bot, user, **more, **album)
            case "forward":
                said = await act("say", bot, user, text=text, forwarded_from="Мария Петровна")
                return {**said, "text": ""}
            case "answer":
                return await act("say", bot, user, text=text, reply_to=self._last[user])
            case kind:
                return await act("show", bot, user, **look_of(kind, number, text))

    async def _operators(self) -> None:
        while self._typed < self.half:
            async with self.typing:
                if free := self.free_chats():
                    is_shown = self.rng.random() < SENT_SHARE
                    await (self.send if is_shown else self.reply)(self.rng.choice(free))
            await self._pause()

    def free_chats(self) -> list[str]:
        """Chats that nobody has just answered in: hooks of one moment have no order to keep."""
        now = time.monotonic()
        return sorted(chat for chat in self.open_chats if self._rests.get(chat, 0.0) <= now)

    async def reply(self, chat: str, *, rest_s: float = TYPING_TAKES_S) -> None:
        """Type one reply, then leave the chat alone for a while; the caller holds `typing`."""
        text = f"{self.rng.choice(ANSWERED)} · {self._typed}"
        self._typed += 1
        self._rests[chat] = time.monotonic() + rest_s
        await self.here.desk_of(self.shop).reply(self.shop.name, chat, text)

    async def send(self, chat: str) -> None:
        """Send a file, or several at once; the caller holds `typing`."""
        text, sent = f"{self.rng.choice(ANSWERED)} · {self._typed}", answers(self._typed)
        chosen = self.rng.sample(sent, self.rng.choice((1, 1, 2)))
        self._typed += len(chosen)
        self._rests[chat] = time.monotonic() + TYPING_TAKES_S
        await self.here.desk_of(self.shop).send_files(self.shop.name, chat, chosen, text)

    async def _watch(self) -> None:
        """Keep up with the chats that operators can see."""
        while True:
            for chat in await self.here.desk_of(self.shop).timeline(self.shop.name):
                self.open_chats[chat["chat_id"]] = conversation_of(chat["client_id"])
            await asyncio.sleep(LOOK_EVERY_S)
