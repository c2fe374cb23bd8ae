"""The load: hooks as a channel sends them; `python -m middleware.bench.load`, a process of its own.

An order comes as JSON on standard input, a `Report` goes out on standard output. Closed loop: every
socket sends its next hook when the last was answered. Open loop: hooks are due at a steady rate
whoever is late, and latency counts from when a hook was due, so a server that stalls cannot hide.
"""

import asyncio
import json
import re
import sys
import time
from array import array
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import uvloop

from channel_clients.emulators.registry import CHANNEL_PARTS
from middleware.bench.marks import Mark, text_of
from middleware.bench.rules import percentile, scheduled
from middleware.trial.layout import USUAL_CHANNEL

SECRET_HEADER = CHANNEL_PARTS[USUAL_CHANNEL].secret_header.encode()

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
GIVE_UP_S = 20.0
TICK_S = 0.001
CHATS_OF_A_BOT = 100_000
LOOK_EVERY_S = 0.01
ASK_ARRIVED = b"GET /_bench/arrived HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one bot's hooks go, and the secret that they show."""

    bot: int
    path: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send. `rate` 0 is a closed loop; `count` 0 goes on for `seconds`.

    Messages are numbered from `first` in every chat, so that whoever finds them knows their order.
    `window` keeps as many under way as that and no more, from the hook to what the stub on `stub`
    has counted: as fast as the whole takes them, without a backlog that would have to be drained.
    """

    port: int
    targets: tuple[Target, ...]
    chats: int = 50
    sockets: int = 32
    seconds: float = 3.0
    count: int = 0
    rate: float = 0.0
    first: int = 0
    window: int = 0
    stub: int = 0

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Order":
        targets = tuple(Target(**each) for each in given.pop("targets"))
        return cls(**given, targets=targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it. Latencies are in seconds; `late` hooks were never answered."""

    sent: int
    accepted: int
    refused: int
    late: int
    began: float
    lasted: float
    p50: float
    p90: float
    p99: float
    longest: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.accepted / self.lasted if self.lasted else 0.0


@dataclass(slots=True)
class Chat:
    """A conversation of a target, which has `beside` of them; never two of its hooks at once."""

    target: Target
    place: int
    beside: int
    number: int


@dataclass(slots=True)
class Sending:
    """Everything the sockets of one order share."""

    order: Order
    began: float
    ends_at: float
    chats: deque["Chat"]
    taken: "array[float]" = field(default_factory=lambda: array("d"))
    sent: int = 0
    refused: int = 0
    last_at: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    idle: list["Socket"] = field(default_factory=list)
    due: deque[float] = field(default_factory=deque)
    busy: int = 0
    arrived: int = 0

    def note(self, due: float, status: bytes) -> None:
        self.last_at = time.monotonic()
        if status[:1] == b"2":
            self.taken.append(self.last_at - due)
        else:
            self.refused += 1

    def next_due(self) -> float | None:
        """When the next hook was due; None when there is none (now)."""
        if self.order.rate:
            return self.due.popleft() if self.due else None
        if self.order.window and self.sent - self.arrived >= self.order.window:
            return None
        now = time.monotonic()
        is_over = self.sent >= self.order.count if self.order.count else now >= self.ends_at
        return None if is_over else now


class Socket(asyncio.Protocol):
    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self.buffer = b""
        self.due = 0.0
        self.chat: Chat | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def go_on(self) -> None:
        """Send the next hook, or rest."""
        sending, is_open = self.sending, self.transport is not None
        due = sending.next_due() if is_open and sending.chats else None
        if due is None or self.transport is None:
            sending.idle.append(self)
            if not sending.busy:
                sending.done.set()
            return
        sending.busy += 1
        sending.sent += 1
        self.due, self.chat = due, sending.chats.popleft()
        self.transport.write(_request(self.chat, due))

    def _answered(self) -> None:
        """The chat's next message may come now, by whoever is free."""
        if self.chat is not None:
            self.sending.busy -= 1
            self.chat.number += 1
            self.sending.chats.append(self.chat)
            self.chat = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.buffer, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self.buffer) >= end:
            self.sending.note(self.due, self.buffer[9:12])
            self.buffer = self.buffer[end:]
            self._answered()
            self.go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self.transport = None
        if self.chat is not None:
            self.sending.refused += 1
            self._answered()
            self.go_on()


def first_chat(bot: int) -> int:
    """The number of a bot's first chat; no customer writes to two bots."""
    return bot * CHATS_OF_A_BOT


def _request(chat: Chat, due: float) -> bytes:
    target, update = chat.target, chat.number * chat.beside + chat.place + 1
    text = text_of(Mark(target.bot, chat.place, chat.number, int(due * 1e9)))
    user = b'"id":%d,"first_name":"Anna","last_name":"Petrova"' % (
        first_chat(target.bot) + chat.place
    )
    body = (
        b'{"update_id":%d,"message":{"message_id":%d,"from":{%s,"is_bot":false,'
        b'"language_code":"ru"},"chat":{%s,"type":"private"},"date":%d,"text":"%s"}}'
        % (update, update, user, user, int(time.time()), text)
    )
    return (
        b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"%s: %s\r\ncontent-length: %d\r\n\r\n%s"
        % (target.path.encode(), SECRET_HEADER, target.secret.encode(), len(body), body)
    )


def _chats(order: Order) -> deque[Chat]:
    """Every bot's first chat, then every bot's second, and so on."""
    return deque(
        Chat(target, place, order.chats, order.first)
        for place in range(order.chats)
        for target in order.targets
    )


async def send(order: Order) -> Report:
    """Send what is ordered, and wait for the answers, as long as it makes sense."""
    loop, used = asyncio.get_running_loop(), time.process_time()
    sending = Sending(order, 0.0, 0.0, _chats(order))
    sockets = [
        (await loop.create_connection(lambda: Socket(sending), "127.0.0.1", order.port))[1]
        for _ in range(order.sockets)
    ]
    sending.began = time.monotonic()
    sending.ends_at = sending.began + order.seconds
    sending.idle = list(sockets)
    if order.rate:
        await _dispatch(sending)
    elif order.window:
        await _keep_full(sending)
    else:
        sending.idle = []
        for each in sockets:
            each.go_on()
    late = await _answers(sending)
    for each in sockets:
        if each.transport is not None:
            each.transport.close()
    return _report(sending, late, time.process_time() - used)


async def _dispatch(sending: Sending) -> None:
    """Hand out what is due to whoever is idle; what finds nobody waits, and its clock runs."""
    rate, planned, released = sending.order.rate, 0, 0
    total = int(rate * sending.order.seconds)
    while released < total:
        planned = min(total, int((time.monotonic() - sending.began) * rate) + 1)
        while released < planned:
            sending.due.append(scheduled(sending.began, rate, released))
            released += 1
        _hand_out(sending)
        await asyncio.sleep(TICK_S)


def _hand_out(sending: Sending) -> None:
    """Give what is due to whoever is idle."""
    for _ in range(min(len(sending.idle), len(sending.due))):
        sending.idle.pop(0).go_on()


async def _keep_full(sending: Sending) -> None:
    """Send as long as it lasts, whenever what is under way falls below the window."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sending.order.stub)
    while time.monotonic() < sending.ends_at:
        writer.write(ASK_ARRIVED)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        sending.arrived = int(await reader.readexactly(int(length[1]) if length else 0))
        for _ in range(len(sending.idle)):
            sending.idle.pop(0).go_on()
        await asyncio.sleep(LOOK_EVERY_S)
    writer.close()


async def _answers(sending: Sending) -> int:
    """Wait for the rest; return how many hooks were never answered."""
    ends_at = time.monotonic() + sending.order.seconds + GIVE_UP_S
    while time.monotonic() < ends_at and (sending.busy or sending.due):
        _hand_out(sending)
        sending.done.clear()
        if sending.busy:
            try:
                await asyncio.wait_for(sending.done.wait(), 1.0)
            except TimeoutError:
                continue
    return sending.busy + len(sending.due)


def _report(sending: Sending, late: int, cpu_s: float) -> Report:
    taken = sending.taken
    return Report(
        sent=sending.sent,
        accepted=len(taken),
        refused=sending.refused,
        late=late,
        began=sending.began,
        lasted=max(1e-9, sending.last_at - sending.began),
        p50=percentile(taken, 0.5),
        p90=percentile(taken, 0.9),
        p99=percentile(taken, 0.99),
        longest=max(taken, default=0.0),
        cpu_s=cpu_s,
    )


def main() -> None:
    report = uvloop.run(send(Order.of(json.load(sys.stdin))))
    sys.stdout.write(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
