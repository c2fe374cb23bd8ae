"""What every command shares: settings, a language, a way to the hub, and sentences for errors.

A command opens the hub's database and serves nothing: the executor of its process is stopped at
once, so that work it makes due is found by the running hub's sweeper, within a second.
"""

import asyncio
import getpass
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table

from mappers.text import Language
from mappers.vocabulary import ConnectionId
from middleware import log
from middleware.cli.words import WORDS
from middleware.db.embedded import PostgresUnavailable
from middleware.db.schema import SchemaError
from middleware.errors import HubError
from middleware.hub import Hub, open_hub
from middleware.operations.accounts.flow import health
from middleware.operations.accounts.store import ConnectionHealth
from middleware.operations.model import Caller
from middleware.secrets import UnreadableSecret
from middleware.settings import Settings
from middleware.store.errors import StoreConflict, StoreUnavailable

T = TypeVar("T")
Work = Callable[[Hub, Caller], Awaitable[T]]

REFUSED, BROKEN, INTERRUPTED = 1, 2, 130
WIDE = 240
SHORTEST_PREFIX = 4
STDIN = "-"

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command."""

    settings: Settings
    language: Language
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    def word(self, name: str, /, **values: object) -> str:
        return WORDS[self.language][name].format(**values)

    def say(self, name: str, /, **values: object) -> None:
        self.out.print(self.word(name, **values), soft_wrap=True)

    def hint(self, name: str, /, **values: object) -> None:
        """Say something beside the result, where a script does not read."""
        self.err.print(self.word(name, **values), soft_wrap=True, style="dim")

    def print(self, line: str, style: str | None = None) -> None:
        self.out.print(line, soft_wrap=True, style=style)

    def fail(self, sentence: str, status: int = REFUSED) -> NoReturn:
        self.err.print(sentence, soft_wrap=True, style="red")
        raise typer.Exit(status)

    def json(self, value: object) -> None:
        sys.stdout.write(json.dumps(to_jsonable_python(value), ensure_ascii=False) + "\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print rows, or that there are none."""
        if not rows:
            self.say("nothing")
            return
        table = Table(*headings, box=None, pad_edge=False, header_style="dim")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        self.out.print(table)

    def run(self, work: Work[T]) -> T:
        """Do `work` on the opened hub, which serves nothing meanwhile."""
        quiet = "warning" if self.settings.log_level == "info" else self.settings.log_level
        log.configure(self.settings.model_copy(update={"log_level": quiet}))
        with self.sentences():
            return asyncio.run(self._run(work))

    async def _run(self, work: Work[T]) -> T:
        async with open_hub(self.settings) as hub:
            await hub.executor.stop()
            workspace = await hub.connections.workspace()
            return await work(hub, Caller(workspace=workspace, name=f"cli {getpass.getuser()}"))

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Tell an error that a person can act on in one sentence. A bug keeps its traceback."""
        try:
            yield
        except HubError as error:
            self.fail(str(error))
        except (PostgresUnavailable, SchemaError) as error:
            self.fail(str(error), BROKEN)
        except StoreUnavailable as error:
            self.fail(self.word("database_away", why=error), BROKEN)
        except StoreConflict:
            self.fail(self.word("busy"), BROKEN)
        except UnreadableSecret:
            keys = self.settings.data_dir / "keys"
            self.fail(self.word("unreadable", keys=keys), BROKEN)
        except OSError as error:
            self.fail(self.word("os_error", why=error.strerror or type(error).__name__), BROKEN)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _console(*, stderr: bool) -> Console:
    """What we print may hold brackets of other people's: nothing in it is markup."""
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def session_of(context: typer.Context) -> Session:
    found: Session = context.find_object(Session) or begin(None, {})
    return found


def begin(language: Language | None, changes: dict[str, Any]) -> Session:
    """Read the settings, or say why they cannot be read."""
    try:
        settings = Settings(**changes)
    except ValidationError as error:
        why = "; ".join(
            ": ".join(filter(None, (".".join(map(str, e["loc"])), e["msg"])))
            for e in error.errors()
        )
        said = Session(Settings.model_construct(), language or "ru")
        said.fail(said.word("bad_settings", why=why), BROKEN)
    return Session(settings, language or settings.language)


async def pick(session: Session, hub: Hub, caller: Caller, asked: str) -> ConnectionHealth:
    """Find a connection by its id, the beginning of its id, its account or its title."""
    known = await health(hub, caller)
    found = [each for each in known if asked in {str(each.id), each.account, each.title}]
    if not found and len(asked) >= SHORTEST_PREFIX:
        found = [each for each in known if str(each.id).startswith(asked)]
    if len(found) > 1:
        titles = ", ".join(f"{each.title} ({each.id})" for each in found)
        session.fail(session.word("which", asked=asked, titles=titles))
    if not found:
        session.fail(session.word("no_connection", asked=asked))
    return found[0]


async def pick_id(
    session: Session, hub: Hub, caller: Caller, asked: str | None
) -> ConnectionId | None:
    return None if asked is None else (await pick(session, hub, caller, asked)).id


def secret_from(given: str | None) -> str:
    """Take a secret as given, or from standard input when a dash stands in its place."""
    return sys.stdin.readline().strip() if given == STDIN else (given or "").strip()


def uuid_of(session: Session, asked: str) -> UUID:
    try:
        return UUID(asked)
    except ValueError:
        session.fail(session.word("not_an_id", asked=asked))


def moment(value: object) -> str:
    """Spell a moment so that columns align: UTC, to the second."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


async def until_told(work: Coroutine[Any, Any, T]) -> T:
    """Stop on SIGTERM as on Ctrl-C: nothing that the work started may outlive it."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await work
