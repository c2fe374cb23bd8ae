"""What tests of the emulated Telegram stand on: time that passes by itself, a hub, and calls."""

import asyncio
import heapq
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from channel_clients.emulators.stage import Push, Request, Response
from channel_clients.emulators.telegram import TelegramEmulator

TOKEN = "7:AAEmulatedTokenOfTheShopBot_0123456789"
OTHER = "8:AAEmulatedTokenOfTheOtherBot_0123456789"
CUSTOMER = 3527065
HUB = "http://hub.test/hooks/telegram"


class SteppedClock:
    """Time that jumps to the next sleeper once everybody awake has had fifty turns of the loop."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()
        self._ticking: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        wake_at = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (wake_at, next(self._order), woken))
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())
        await woken

    async def _tick(self) -> None:
        while self._sleepers:
            for _ in range(50):
                await asyncio.sleep(0)
            wake_at, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, wake_at)
                woken.set_result(None)


class Hub:
    """A hub that answers as told, and 200 when told nothing."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock = clock
        self.calls: list[Push] = []
        self.times: list[datetime] = []
        self.answers: list[Response | int | None] = []
        self._called = asyncio.Event()

    async def __call__(self, call: Push) -> Response | int | None:
        self.calls.append(call)
        self._called.set()
        self.times.append(self._clock.now())
        await asyncio.sleep(0)
        return self.answers.pop(0) if self.answers else 200

    async def settled(self) -> None:
        """Return once the first call has come and its caller has had time to react."""
        await self._called.wait()
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.calls]

    @property
    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates]

    @property
    def gaps(self) -> list[float]:
        pairs = zip(self.times, self.times[1:], strict=False)
        return [(later - earlier).total_seconds() for earlier, later in pairs]


async def ask(emulator: TelegramEmulator, method: str, **values: Any) -> dict[str, Any]:
    """Call a method as JSON, without a socket."""
    request = Request(
        method="POST",
        path=f"/bot{TOKEN}/{method}",
        headers={"content-type": "application/json"},
        body=json.dumps(values).encode(),
    )
    response = await emulator.stage.exchange(request, emulator.answer)
    reply: dict[str, Any] = json.loads(response.body)
    assert response.status == reply.get("error_code", 200)
    return reply


async def refusal(emulator: TelegramEmulator, method: str, **values: Any) -> str:
    reply = await ask(emulator, method, **values)
    assert reply["ok"] is False
    return f"{reply['error_code']} {reply['description']}"


async def control(emulator: TelegramEmulator, method: str, route: str, body: Any = None) -> Any:
    path, _, query = route.partition("?")
    pairs = [part.partition("=") for part in query.split("&") if part]
    request = Request(
        method=method,
        path=f"/_stage/{path}",
        query=tuple((name, value) for name, _, value in pairs),
        body=json.dumps(body).encode(),
    )
    response = await emulator.control(request)
    return {"status": response.status, **json.loads(response.body)}
