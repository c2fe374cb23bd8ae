"""How a hook gets to an application: signed anew at each attempt, and perhaps repeated."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from channel_clients.emulators.stage import Push, Request

from . import signing
from .world import Letter, World

TIMEOUT_S = 5.0
HOLD_S = 5.0
ATTEMPTS = 11  # the first, and ten more
DAY_S = 24 * 3600
STALE_MS = 6 * 60 * 1000
FORGED = {"forged_hook", "stale_hook"}


def nobody(status: int | None) -> None:
    del status


def send(world: World, letter: Letter) -> None:
    """Let a hook go out, as the armed faults and the switches allow."""
    stage, matched = world.stage, Request(method="POST", path=f"{letter.url} {letter.name}")
    if not letter.url or world.switches.hooks_lost or stage.take(matched, {"lost_hook"}):
        return
    flaw = stage.take(matched, FORGED)
    is_doubled = world.switches.hook_twice or stage.take(matched, {"duplicate_hook"})
    letter = replace(letter, flaw=flaw.name if flaw else "", times=2 if is_doubled else 1)
    waiting, world.held_hook = world.held_hook, None
    if waiting is None and stage.take(matched, {"reordered_hooks"}):
        world.held_hook = letter
        world.background.start_later(_release_late(world, letter))
        return
    world.background.start(_deliver(world, [each for each in (letter, waiting) if each]))


async def _release_late(world: World, held: Letter) -> None:
    """A held hook goes out alone when no other comes to overtake it."""
    await world.stage.clock.sleep(HOLD_S)
    if world.held_hook is held:
        world.held_hook = None
        world.background.start(_deliver(world, [held]))


async def _deliver(world: World, letters: Iterable[Letter]) -> None:
    switches = world.switches
    wait = switches.hook_delay_s + world.rng.uniform(0, switches.hook_jitter_s)
    if wait:
        await world.stage.clock.sleep(wait)
    for letter in letters:
        for _ in range(letter.times):
            await _attempt(world, letter, 0)


async def _attempt(world: World, letter: Letter, number: int) -> None:
    """Try once. A refusal is repeated after a while that is left to chance, within a day."""
    status = await world.stage.push(_push(world, letter, letter.body(number)))
    letter.told(status)
    if (status is None or status >= 300) and number + 1 < letter.attempts:
        longest = DAY_S / letter.attempts * world.switches.retry_scale
        wait = world.rng.uniform(longest / 10, longest)
        world.background.start_later(_later(world, wait, lambda: _again(world, letter, number)))


async def _again(world: World, letter: Letter, number: int) -> None:
    world.background.start(_attempt(world, letter, number + 1))


async def _later(world: World, wait_s: float, work: Callable[[], Awaitable[None]]) -> None:
    await world.stage.clock.sleep(wait_s)
    await work()


def _push(world: World, letter: Letter, body: bytes) -> Push:
    at_ms, secret = round(world.now() * 1000), letter.app.client_secret
    if letter.flaw == "stale_hook":
        at_ms -= STALE_MS
    if letter.flaw == "forged_hook":
        secret = f"{secret}?"
    headers = {"content-type": "application/json"}
    if letter.is_batch:
        headers |= signing.headers_of_the_first(secret, body)
    if not letter.is_batch or world.switches.batches_signed_twice:
        headers |= signing.headers(secret, letter.url, body, at_ms)
    return Push(method="POST", url=letter.url, headers=headers, body=body, timeout_s=TIMEOUT_S)
