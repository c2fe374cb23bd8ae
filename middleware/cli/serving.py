"""`threadline up`, `doctor`, `version`."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as version_of
from typing import Annotated

import typer
import uvicorn
import uvloop

from mappers.vocabulary.adapters import Finding
from middleware import log
from middleware.cli.session import BROKEN, REFUSED, Json, Session, session_of
from middleware.doors import Pages, doors
from middleware.hub import Hub, open_hub, working
from middleware.media.port import MediaRefused
from middleware.operations.access.flow import SEEMS_TO_RUN
from middleware.operations.accounts import flow as accounts
from middleware.operations.model import Caller
from middleware.secrets import UnreadableSecret
from middleware.webhooks.door import App

DRAIN_S = 10
MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(up)
    app.command()(doctor)
    app.command()(version)


def version() -> None:
    """Print the version."""
    typer.echo(version_of("threadline"))


def up(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
) -> None:
    """Run the hub until it is told to stop: web server, database and workers in one process."""
    session = session_of(context)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = session.settings.model_copy(update=given)
    log.configure(settings)
    session = Session(settings, session.language)
    with session.sentences(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_up(session))


async def _up(session: Session) -> None:
    door = _bound(session)
    with door:
        async with open_hub(session.settings) as hub, working(hub):
            await _serve(session, hub, door)
    session.say("stopped")


def _bound(session: Session) -> socket.socket:
    """Take the address before anything is started."""
    host, port = session.settings.host, session.settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        session.fail(session.word("port_taken", address=f"{host}:{port}", why=why), BROKEN)


class _Guest(uvicorn.Server):
    """A server that leaves signals to us: its own way of dying of them skips our cleaning up."""

    def __init__(self, config: uvicorn.Config, welcome: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._welcome = welcome

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        await self._welcome()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _pages(hub: Hub) -> App:
    from middleware.app import make_pages  # noqa: PLC0415  # see `Pages`

    return make_pages(hub)


async def _serve(session: Session, hub: Hub, door: socket.socket) -> None:
    pages = Pages(_pages, hub)
    config = uvicorn.Config(
        doors(hub, behind=pages),
        log_config=None,
        access_log=False,  # addresses of hooks and of held links are secrets
        server_header=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,  # `make_pages` reads them where somebody asks
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Guest(config, partial(_welcome, session, hub, pages, door.getsockname()[1]))
    loop = asyncio.get_running_loop()
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, partial(setattr, server, "should_exit", True))
    await server.serve(sockets=[door])


async def _welcome(session: Session, hub: Hub, pages: Pages, port: int) -> None:
    """Say where the hub is, once everything is there, and what comes next."""
    await pages.ready()
    host = session.settings.host
    shown = f"[{host}]" if ":" in host else host
    session.say("listens", address=f"http://{shown}:{port}")
    if session.settings.public_url:
        session.say("public", address=session.settings.public_url)
    else:
        session.say("no_public")
    if not await hub.connections.all():
        session.say("connect_next")
    elif not await hub.connections.routes():
        session.say("route_next")
    session.say("stop_hint")


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found about one part: the hub, or a connection by its title."""

    about: str
    findings: tuple[Finding, ...]


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Look at the hub and ask every provider what stands in the way. Changes nothing."""
    session = session_of(context)
    checkups = session.run(partial(_examine, session))
    if as_json:
        session.json(checkups)
    else:
        _show(session, checkups)
    if any(each.level == "problem" for checkup in checkups for each in checkup.findings):
        raise typer.Exit(REFUSED)


async def _examine(session: Session, hub: Hub, caller: Caller) -> tuple[Checkup, ...]:
    connections = await accounts.health(hub, caller)
    checkups = [Checkup("Threadline", await _of_hub(session, hub, has_any=bool(connections)))]
    for connection in connections:
        try:
            findings = await accounts.diagnose(hub, caller, connection.id)
        except UnreadableSecret:
            keys = session.settings.data_dir / "keys"
            findings = (Finding(level="problem", what=session.word("unreadable", keys=keys)),)
        checkups.append(Checkup(connection.title, findings))
    return tuple(checkups)


async def _of_hub(session: Session, hub: Hub, *, has_any: bool) -> tuple[Finding, ...]:
    word = session.word
    found = [Finding(level="ok", what=word("database_ok"))]
    silence = await hub.store.silence()
    if silence is not None and silence.now - silence.since < SEEMS_TO_RUN:
        found.append(Finding(level="ok", what=word("hub_runs")))
    else:
        found.append(
            Finding(level="warning", what=word("hub_stopped"), advice=word("hub_stopped_do"))
        )
    found.append(await _of_files(session, hub))
    if address := session.settings.public_url:
        found.append(Finding(level="ok", what=word("public_ok", address=address)))
    else:
        missing, advice = word("public_missing"), word("public_missing_do")
        found.append(Finding(level="warning", what=missing, advice=advice))
    if not has_any:
        nothing, advice = word("no_connections"), word("no_connections_do")
        found.append(Finding(level="warning", what=nothing, advice=advice))
    return tuple(found)


async def _of_files(session: Session, hub: Hub) -> Finding:
    word = session.word
    where = session.settings.s3_bucket or session.settings.data_dir / "media"
    try:
        await hub.media.check()
    except MediaRefused:
        what, advice = word("files_refused", where=where), word("files_refused_do")
        return Finding(level="problem", what=what, advice=advice)
    except OSError:
        what, advice = word("files_away", where=where), word("files_away_do")
        return Finding(level="problem", what=what, advice=advice)
    return Finding(level="ok", what=word("files_ok", where=where))


def _show(session: Session, checkups: tuple[Checkup, ...]) -> None:
    for checkup in checkups:
        session.print(checkup.about, style="bold")
        for finding in checkup.findings:
            mark, style = MARKS[finding.level]
            session.print(f"  {mark} {finding.what}", style=style)
            for line in finding.advice.splitlines():
                session.print(f"      {line}")
