"""Our side of the load and of the stub: orders out, reports in."""

import asyncio
import itertools
import json
import math
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from middleware.bench.load import SECRET_HEADER, Order, Report, Target
from middleware.trial.processes import HOST, Child, TrialFailed

LOOK_EVERY_S = 0.05
KNOCK_EVERY_S = 0.01
ANSWERS_WITHIN_S = 5.0
LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def run_load(order: Order) -> Report:
    """Have a process of its own send. Raises: `TrialFailed`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "middleware.bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, why = await process.communicate(order.as_json())
    if process.returncode != 0:
        words = why.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TrialFailed(f"the load ended with {process.returncode}: {''.join(words)}")
    return Report(**json.loads(said))


@dataclass(frozen=True, slots=True)
class Stub:
    """The stub as its control answers."""

    port: int

    @property
    def base(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def state(self) -> dict[str, Any]:
        return await self._ask("state")

    async def reset(self) -> None:
        await self._ask("reset")

    async def evict(self) -> None:
        """Forget where hooks go, as if no hub had ever been here."""
        await self._ask("evict")

    async def pace(self, *, low: float = 0.0, high: float = 0.0, limit: int = 0) -> None:
        await self._ask(f"pace?low={low}&high={high}&limit={limit}")

    async def is_up(self) -> bool:
        try:
            await self.state()
        except OSError:
            return False
        return True

    async def targets(self) -> tuple[Target, ...]:
        """Where each bot wants its hooks."""
        hooks = (await self.state())["hooks"]
        return tuple(
            Target(
                bot=int(bot),
                path="/" + hook["url"].split("/", 3)[3],
                secret=hook["secret_token"],
            )
            for bot, hook in hooks.items()
        )

    async def wait_for(
        self, written: int, within_s: float, stall_s: float = math.inf
    ) -> dict[str, Any]:
        """Wait until so many texts were written; return the last state.

        Patience ends after `within_s`, or when nothing has arrived for `stall_s`.
        """
        clock, last = asyncio.get_running_loop().time, -1
        ends_at, stalls_at = clock() + within_s, math.inf
        while True:
            state = await self.state()
            if state["written"] != last:
                last, stalls_at = state["written"], clock() + stall_s
            if last >= written or clock() > min(ends_at, stalls_at):
                return state
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(self, what: str) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with urllib.request.urlopen(f"{self.base}/_bench/{what}", timeout=60) as answer:  # noqa: S310  # our own process
                found: dict[str, Any] = json.load(answer)
                return found

        return await asyncio.to_thread(ask)


async def first_ack(port: int, target: Target, within_s: float) -> float:
    """Knock until a hook is acknowledged; return when that was, on the monotonic clock.

    Raises: `TrialFailed`.
    """
    body = b'{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}'
    ends_at = time.monotonic() + within_s
    numbers = itertools.count(time.time_ns() % 10**12)
    while True:
        hook = body % next(numbers)
        asked = (
            b"POST %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"%s: %s\r\ncontent-length: %d\r\n\r\n%s"
            % (target.path.encode(), SECRET_HEADER, target.secret.encode(), len(hook), hook)
        )
        if await _status(port, asked) == b"2":
            return time.monotonic()
        if time.monotonic() > ends_at:
            raise TrialFailed(f"no hook was acknowledged within {within_s:.0f} s")
        await asyncio.sleep(KNOCK_EVERY_S)


async def until_answered(port: int, child: Child, within_s: float) -> None:
    """Wait for any answer: a hub takes its address long before it can say anything.

    Raises: `TrialFailed`.
    """
    ends_at = time.monotonic() + within_s
    while not await _status(port, LIVE):
        child.check()
        if time.monotonic() > ends_at:
            raise TrialFailed(f"{child.name} did not answer within {within_s:.0f} s")
        await asyncio.sleep(KNOCK_EVERY_S)


async def _status(port: int, asked: bytes) -> bytes:
    """Return the first digit of the answer's status; nothing when there was none."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(asked)
        said = await asyncio.wait_for(reader.read(256), ANSWERS_WITHIN_S)
        writer.close()
    except (OSError, TimeoutError):
        return b""
    return said[9:10]
