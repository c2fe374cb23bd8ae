"""What an emulated CRM owes a trial. Read this first.

A trial plays people around a real hub and judges by what both ends hold; it knows no CRM by name.
Each emulator brings its `Part`: how it is started, at which desk its operators sit, how the hub
comes to be connected, and what may break there under which name. A desk speaks to the stage of its
emulator alone, over sockets or inside one process, so one desk serves the town and the simulation.

What a desk shows is spelled alike for every CRM, as JSON:

    chat      chat_id, client_id (the name that the hub gave it), messages
    message   message_id, text, is_from_operator, appeared_at, sha256, file_name
    reply     account, client_conversation_id, message_id, user_id, text, at, sha256, file_name,
              statuses: each at, code (-1 for a failure), error (what the operator read)
    contact   id, name, is_deleted

Times are seconds since the epoch by the stage's clock; `sha256` is of the file as the CRM holds it,
empty without one. A reply of several files is as many replies, the words with the first.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from channel_clients.emulators.stage import App, Request, Response, Stage

Json = dict[str, Any]
FAILED = -1
WRITE = "crm write"


class Door(Protocol):
    """The way to one emulator's stage. `base` is where the hub finds the emulator."""

    @property
    def base(self) -> str: ...

    async def post(self, act: str, body: Mapping[str, Any]) -> Any:
        """Do what a route of the stage does; return its result."""
        ...

    async def get(self, view: str, **query: str) -> Json: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of an operator: `kind` is picture, file, voice, audio or video."""

    kind: str
    name: str
    content: bytes = field(repr=False)

    def upload(self) -> Json:
        content = b64encode(self.content).decode()
        return {"name": self.name, "content": content, "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our registration at the CRM: `values` as an integrator types them into the hub."""

    client_id: str
    values: Mapping[str, Any] = field(repr=False)


class Desk(Protocol):
    """The people of an emulated CRM: its administrators, then its operators.

    `account` names one company's account.
    """

    async def furnish(self, *, limited: bool) -> None:
        """Let the CRM be as a trial wants it; `limited`: it refuses what comes too fast."""
        ...

    async def open_account(self, account: str, users: Sequence[str]) -> Mapping[str, int]:
        """Open an account with these people; return their ids by their names."""
        ...

    async def register(self, hub: str) -> Ours:
        """Register us as support or an integrator does; `hub` is the hub's public address."""
        ...

    async def take_hooks(self, ours: Ours, hooks: str, accounts: Sequence[str]) -> None:
        """Hear where the hub takes the hooks of this registration."""
        ...

    async def admit(self, account: str, ours: Ours, *, lasting: bool = False) -> Mapping[str, Any]:
        """Let us into an account; return the values that connect it.

        `lasting`: what they hold need never be renewed.
        """
        ...

    async def add_contact(self, account: str, name: str, phone: str) -> None: ...

    async def reply(self, account: str, chat: str, text: str, **details: Any) -> None:
        """Answer in a chat, by its `chat_id` or its `client_id`.

        `details` are `user_id`, and `reply_to`: the message that is quoted.
        """
        ...

    async def send_files(
        self, account: str, chat: str, files: Sequence[Sent], text: str = "", **details: Any
    ) -> None:
        """Answer with files, the text with the first of them."""
        ...

    async def timeline(self, account: str) -> list[Json]:
        """Return every chat that customers and operators share."""
        ...

    async def replies(self, account: str) -> list[Json]:
        """Return what operators answered, in order, and what they heard of it."""
        ...

    async def contacts(self, account: str) -> list[Json]: ...

    async def tasks(self, account: str) -> list[Json]:
        """Return what operators were given to do."""
        ...


class Emulator(Protocol):
    """An emulator in this process."""

    @property
    def stage(self) -> Stage: ...

    @property
    def app(self) -> App: ...

    async def answer(self, request: Request) -> Response: ...

    async def control(self, request: Request) -> Response: ...

    async def drain(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What may break, by the emulator's names.

    Shape: `writes`, `questions` and `files` are found in "METHOD /path" of the calls that write a
    message, of calls that do not, and of those that fetch an operator's file; `hooks` in what a
    hook's faults are matched with. The rest are names of faults: too many calls, credentials that
    ran out, a hook that comes twice, one that the next overtakes. `passing` are those that strike
    any call and heal by themselves.
    """

    writes: str
    questions: str
    files: str
    flood: str
    expired: str
    doubled: str
    reordered: str
    hooks: str = ""
    passing: tuple[str, ...] = ()


class Stub(Protocol):
    """Just enough of a CRM for accounts to be connected and messages written, and very fast."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[str, Response] | None:
        """Answer one call and name what it was: `WRITE`, or anything else that begins with "crm".

        None: the call is not the CRM's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """How a CRM is measured: its stub, whom the hub connects there, and what it may be asked.

    Shape: `values` register us at a stub, `account` connects the account with a number. `scope`
    names whose limit a call counts against, by its path; None: nobody's. `limit_per_s` is how many
    calls a second the CRM lets through, counted over `window_s`, `ours_per_s` how many the hub
    allows itself; calls that are named in `free` do not count.
    """

    stub: Callable[[], Stub]
    values: Callable[[str], Mapping[str, Any]]
    account: Callable[[str, int], Mapping[str, Any]]
    scope: Callable[[str], str | None]
    limit_per_s: int
    ours_per_s: float
    free: frozenset[str]
    window_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one CRM brings to a trial.

    Shape: `module` is run with `--port`; `make` builds the emulator on a stage, to be reached at an
    address; `desk` sits in front of a door; `modes` are desks of other ways to keep a timeline, by
    the name that the adapter has for them. `bench` is there where the CRM has a stub.
    """

    name: str
    title: str
    module: str
    make: Callable[[Stage, str], Emulator]
    desk: Callable[[Door], Desk]
    faults: Faults
    modes: Mapping[str, Callable[[Door], Desk]] = field(default_factory=dict)
    bench: Bench | None = None
