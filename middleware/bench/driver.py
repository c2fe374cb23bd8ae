"""Our side of the load and of the stub: orders out, reports in."""

import asyncio
import json
import sys
import urllib.request
from dataclasses import dataclass
from typing import Any

from middleware.bench.load import Order, Report, Target
from middleware.trial.processes import HOST, TrialFailed

LOOK_EVERY_S = 0.05


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

    async def wait_for(self, written: int, within_s: float) -> dict[str, Any]:
        """Wait until so many texts were written, or patience ends; return the last state."""
        ends_at = asyncio.get_running_loop().time() + within_s
        while True:
            state = await self.state()
            is_over = asyncio.get_running_loop().time() > ends_at
            if state["written"] >= written or is_over:
                return state
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(self, what: str) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with urllib.request.urlopen(f"{self.base}/_bench/{what}", timeout=60) as answer:  # noqa: S310  # our own process
                found: dict[str, Any] = json.load(answer)
                return found

        return await asyncio.to_thread(ask)
