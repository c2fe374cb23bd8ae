"""The mark in every text of the benchmark: whose it is, which one, and when it was due.

`[[bot.chat.number.nanoseconds]]`. The clock is CLOCK_MONOTONIC, which all
processes of one machine share, so whoever finds a mark knows how long the text was under way.
"""

import re
from dataclasses import dataclass

MARK = re.compile(rb"\[\[(\d+)\.(\d+)\.(\d+)\.(\d+)\]\]")
WORDS = "Здравствуйте! Подскажите, пожалуйста, приехал ли мой заказ?".encode()


@dataclass(frozen=True, slots=True)
class Mark:
    bot: int
    chat: int
    number: int
    due_ns: int


def text_of(mark: Mark) -> bytes:
    return b"%s [[%d.%d.%d.%d]]" % (WORDS, mark.bot, mark.chat, mark.number, mark.due_ns)


def mark_in(body: bytes) -> Mark | None:
    found = MARK.search(body)
    return None if found is None else Mark(*map(int, found.groups()))
