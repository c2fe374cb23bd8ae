"""What an emulated channel owes a trial: how it is started, connected, and broken, by its names.

A trial plays customers around a real hub and knows no channel by name. What they do and see is
asked of the stage, whose routes are alike for every channel.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from channel_clients.emulators.stage import App, Request, Response, Stage


class ChannelEmulator(Protocol):
    """An emulator in this process."""

    @property
    def stage(self) -> Stage: ...

    @property
    def app(self) -> App: ...

    @property
    def say(self) -> Callable[..., Any]:
        """A customer, by number, writes a text; `name` is theirs."""
        ...

    async def answer(self, request: Request) -> Response: ...

    async def control(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFaults:
    """What may break, by the emulator's names.

    Shape: `sends` and `files` are found in "METHOD /path" of the calls that send a message and of
    those that fetch a customer's file. `flood` refuses for the pace, `doubled` are ways in which a
    hook comes twice, `reordered` lets hooks of different chats overtake one another. `passing` are
    those that strike any call and heal by themselves.
    """

    sends: str
    files: str
    flood: str
    doubled: tuple[str, ...]
    reordered: str
    passing: tuple[str, ...] = ()


class ChannelStub(Protocol):
    """Just enough of a channel for bots to be connected, and very fast.

    `hooks` tells of each bot by its id where it wants its updates: `url`, and the secret of it.
    """

    @property
    def hooks(self) -> dict[str, Any]: ...

    def answer(self, path: str, body: bytes) -> tuple[str, Response] | None:
        """Answer one call and name what it was; None: the call is not the channel's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPart:
    """What one channel brings to a trial.

    Shape: `module` is run with `--port` and the `arguments` for these bots, held to a pace or not;
    `make` builds the emulator with these bots on a stage; `values` connect a bot by webhook: its
    token, where the emulator is, and the secret of the hook, which comes in `secret_header`.
    """

    name: str
    title: str
    module: str
    arguments: Callable[[Sequence[str], bool], tuple[str, ...]]
    make: Callable[[Stage, Sequence[str]], ChannelEmulator]
    values: Callable[[str, str, str], Mapping[str, Any]]
    faults: ChannelFaults
    stub: Callable[[], ChannelStub]
    secret_header: str
