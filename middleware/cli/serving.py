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
from middleware.hub import Hub, open_hub
from middleware.media.port import MediaRefused
from middleware.operations.access.flow import SEEMS_TO_RUN
from middleware.operations.accounts import flow as accounts
from middleware.operations.model import Caller
from middleware.operations.site import flow as site
from middleware.operations.site.rules import Remark
from middleware.secrets import UnreadableSecret
from middleware.webhooks.door import App
from middleware.working import EVERY_PART, Part, working

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
    parts: Annotated[
        list[Part] | None, typer.Argument(help="What this process does; without it, everything.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
) -> None:
    """Run the hub until it is told to stop: all of it in one process, or the parts that are named.

    Several processes need an executor that reaches them: THREADLINE_EXECUTOR=celery.
    """
    session = session_of(context)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = session.settings.model_copy(update=given)
    log.configure(settings)
    session = Session(settings, session.language)
    played = frozenset(parts or EVERY_PART)
    if settings.executor == "in-process" and len(played & {Part.API, Part.WORKER}) == 1:
        session.fail(session.word("parts_need_celery"))
    with session.sentences(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        is_well = runner.run(_up(session, played))
    if not is_well:
        session.fail(session.word("gave_up"), BROKEN)


async def _up(session: Session, parts: frozenset[Part]) -> bool:
    """Run until told to stop; False when the process itself could not go on."""
    door = _bound(session)
    with door:
        async with open_hub(session.settings) as hub, working(hub, parts):
            await _serve(session, hub, parts, door)
    session.say("stopped")
    return not hub.give_up.is_set()


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


def _bare(hub: Hub) -> App:
    from middleware.app import make_bare_app  # noqa: PLC0415  # see `Pages`

    return make_bare_app(hub)


async def _serve(session: Session, hub: Hub, parts: frozenset[Part], door: socket.socket) -> None:
    takes_hooks = Part.API in parts
    pages = Pages(_pages if takes_hooks else _bare, hub)
    config = uvicorn.Config(
        doors(hub, behind=pages) if takes_hooks else pages,
        log_config=None,
        access_log=False,  # addresses of hooks and of held links are secrets
        server_header=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,  # `make_pages` reads them where somebody asks
        timeout_graceful_shutdown=DRAIN_S,
    )
    if takes_hooks:
        welcome = partial(_welcome, session, hub, pages, door.getsockname()[1])
    else:
        welcome = partial(_tell_parts, session, parts, pages)
    server = _Guest(config, welcome)
    loop = asyncio.get_running_loop()
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, partial(setattr, server, "should_exit", True))
    giving_up = loop.create_task(_end_on_giving_up(hub, server))
    try:
        await server.serve(sockets=[door])
    finally:
        giving_up.cancel()


async def _end_on_giving_up(hub: Hub, server: uvicorn.Server) -> None:
    await hub.give_up.wait()
    server.should_exit = True


async def _tell_parts(session: Session, parts: frozenset[Part], pages: Pages) -> None:
    """Say that a process is up which is called only to be asked how it is."""
    await pages.ready()
    session.say("plays", parts=", ".join(sorted(parts)))


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
    found += [_said(session, remark) for remark in await site.examine(hub)]
    if address := session.settings.public_url:
        found.append(Finding(level="ok", what=word("public_ok", address=address)))
    else:
        missing, advice = word("public_missing"), word("public_missing_do")
        found.append(Finding(level="warning", what=missing, advice=advice))
    if not has_any:
        nothing, advice = word("no_connections"), word("no_connections_do")
        found.append(Finding(level="warning", what=nothing, advice=advice))
    return tuple(found)


def _said(session: Session, remark: Remark) -> Finding:
    what = session.word(remark.word, **remark.values)
    advice = "" if remark.level == "ok" else session.word(f"{remark.word}_do")
    return Finding(level=remark.level, what=what, advice=advice)


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
