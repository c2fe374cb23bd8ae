"""`threadline mapping …`: documents that say what is written to which field, in versions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mappers.mapping.model import Change, Problem
from mappers.vocabulary import Catalogue, ConnectionId
from middleware.cli.session import Json, Session, moment, pick, pick_id, session_of
from middleware.hub import Hub
from middleware.operations.mappings import flow
from middleware.operations.mappings.flow import Look
from middleware.operations.mappings.model import MappingLine, Previewed, Trial, VersionLine
from middleware.operations.mappings.rules import errors_of
from middleware.operations.model import Caller

File = Annotated[Path, typer.Argument(help="The document, YAML.")]
Name = Annotated[str, typer.Argument(help="The mapping's name, or its id.")]
Connection = Annotated[str | None, typer.Option(help="The CRM's connection to judge it against.")]
CHANGES = ("rule", "target", "outcome", "before", "after", "why")


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    inner = typer.Typer(
        help="What is written to which field: documents, in versions.", no_args_is_help=True
    )
    for name, command in (
        ("list", list_mappings),
        ("lint", lint),
        ("try", attempt),
        ("preview", preview),
        ("push", push),
        ("versions", versions),
        ("show", show),
        ("diff", diff),
        ("activate", activate),
        ("rollback", rollback),
        ("use", use),
        ("catalogue", catalogue),
    ):
        inner.command(name)(command)
    app.add_typer(inner, name="mapping")


def list_mappings(context: typer.Context, as_json: Json = False) -> None:
    """List mappings with the version that is in force."""
    session = session_of(context)
    found = session.run(flow.mappings)
    if as_json:
        session.json(found)
        return
    rows = [(each.id, each.name, each.active, each.versions, each.routes) for each in found]
    session.table(("id", "name", "in force", "versions", "routes"), rows)
    for gone in (gone for each in found for gone in each.missing):
        session.print(str(gone), style="red")


def lint(
    context: typer.Context, file: File, connection: Connection = None, as_json: Json = False
) -> None:
    """Say everything that is wrong with a document; fail when something is an error."""
    session = session_of(context)
    text = _text(session, file)

    async def work(hub: Hub, caller: Caller) -> tuple[Problem, ...]:
        at = await pick_id(session, hub, caller, connection)
        return await flow.lint(hub, caller, text, at)

    found = flow.judged(text) if connection is None else session.run(work)
    if as_json:
        session.json(found)
    else:
        _tell(session, found)
        if not found:
            session.say("mapping_fine")
    if errors_of(found):
        raise typer.Exit(1)


def attempt(
    context: typer.Context,
    file: File,
    facts: Annotated[Path, typer.Option(help="Sources with values, JSON.")],
    connection: Connection = None,
    as_json: Json = False,
) -> None:
    """Apply a document to facts of your own, as if the CRM held nothing yet."""
    session = session_of(context)
    text, given = _text(session, file), _json(session, facts)

    async def work(hub: Hub, caller: Caller) -> Trial:
        at = await pick_id(session, hub, caller, connection)
        return await flow.attempt(hub, caller, text, given, at)

    with session.sentences():
        trial = flow.tried(text, given) if connection is None else session.run(work)
    if as_json:
        session.json(trial)
        return
    _tell(session, trial.problems)
    session.table(CHANGES, [_row(each) for each in trial.changes])


def preview(
    context: typer.Context,
    file: File,
    source: Annotated[str, typer.Argument(help="The channel's connection of a route.")],
    target: Annotated[str, typer.Argument(help="The CRM's connection of it.")],
    last: Annotated[int, typer.Option(help="So many messages.", min=1, max=100)] = 20,
    raw: Annotated[bool, typer.Option("--raw", help="Show what customers said.")] = False,
    as_json: Json = False,
) -> None:
    """Apply a document to the last messages of a route; nothing is written."""
    session = session_of(context)
    text = _text(session, file)

    async def work(hub: Hub, caller: Caller) -> tuple[Previewed, ...]:
        begins, ends = await _ends(session, hub, caller, (source, target))
        look = Look(source=begins, target=ends, last=last, raw=raw)
        return await flow.preview(hub, caller, look, text)

    found = session.run(work)
    if as_json:
        session.json(found)
        return
    rows = [(moment(each.sent_at), *_row(change)) for each in found for change in each.changes]
    session.table(("message", *CHANGES), rows)
    if unread := sum(not each.known for each in found):
        session.say("mapping_unread", count=unread)


def push(
    context: typer.Context,
    name: Name,
    file: File,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep the version that is in force in force.")
    ] = False,
) -> None:
    """Keep a document as a version of a mapping, made when there is none, and put it in force."""
    session = session_of(context)
    text = _text(session, file)

    async def work(hub: Hub, caller: Caller) -> int:
        flow.refuse_errors(text)
        known = await _named(hub, caller, name)
        mapping = known[0] if known else await flow.create(hub, caller, name)
        return await flow.add_version(hub, caller, mapping.id, text, activate=not stay)

    number = session.run(work)
    session.say("mapping_kept" if stay else "mapping_in_force", name=name, number=number)


def versions(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """List versions, the newest first."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> tuple[MappingLine, tuple[VersionLine, ...]]:
        found = await _pick(session, hub, caller, name)
        return found, await flow.versions(hub, caller, found.id)

    mapping, found = session.run(work)
    if as_json:
        session.json(found)
        return
    rows = [
        (
            f"{each.number}{' *' if each.number == mapping.active else ''}",
            *(each.digest[:12], each.author, moment(each.created_at)),
        )
        for each in found
    ]
    session.table(("version", "digest", "author", "added"), rows)


Number = Annotated[int | None, typer.Option("--version", help="Default: the one in force.")]


def show(context: typer.Context, name: Name, number: Number = None, as_json: Json = False) -> None:
    """Print the document of a version."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> VersionLine:
        found = await _pick(session, hub, caller, name)
        return await flow.version(hub, caller, found.id, number)

    version = session.run(work)
    if as_json:
        session.json(version)
    else:
        session.print(version.document.rstrip("\n"))


def diff(
    context: typer.Context,
    name: Name,
    older: Annotated[int, typer.Argument(help="A version.")],
    newer: Annotated[int, typer.Argument(help="Another one.")],
) -> None:
    """Compare two versions."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> str:
        found = await _pick(session, hub, caller, name)
        return await flow.difference(hub, caller, found.id, older, newer)

    session.print(session.run(work).rstrip("\n"))


def activate(
    context: typer.Context,
    name: Name,
    number: Annotated[int, typer.Argument(help="The version.")],
) -> None:
    """Put a version in force."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> MappingLine:
        found = await _pick(session, hub, caller, name)
        return await flow.activate(hub, caller, found.id, number)

    done = session.run(work)
    session.say("mapping_in_force", name=done.name, number=done.active)


def rollback(context: typer.Context, name: Name) -> None:
    """Put the version in force again that was before."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> MappingLine:
        found = await _pick(session, hub, caller, name)
        return await flow.roll_back(hub, caller, found.id)

    done = session.run(work)
    session.say("mapping_in_force", name=done.name, number=done.active)


def use(
    context: typer.Context,
    name: Name,
    source: Annotated[str, typer.Argument(help="The channel's connection of a route.")],
    target: Annotated[str, typer.Argument(help="The CRM's connection of it.")],
    off: Annotated[bool, typer.Option("--off", help="Have the route use none.")] = False,
) -> None:
    """Have a route use a mapping."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> str:
        begins, ends = await _ends(session, hub, caller, (source, target))
        found = await _pick(session, hub, caller, name)
        await flow.use(hub, caller, begins, ends, None if off else found.id)
        return found.name

    session.say("mapping_unused" if off else "mapping_used", name=session.run(work))


def catalogue(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="The CRM's connection.")],
    as_json: Json = False,
) -> None:
    """Ask a CRM's account what it has: fields, labels, pipelines, stages, people, tags."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Catalogue:
        return await flow.catalogue(hub, caller, (await pick(session, hub, caller, which)).id)

    found = session.run(work)
    if as_json:
        session.json(found)
    else:
        session.table(("target", "holds", "id", "choices"), list(_offered(found)))


def _offered(found: Catalogue) -> Iterator[tuple[object, ...]]:
    for each in found.fields:
        labels = ", ".join(label for _, label in each.choices)
        holds = f"{each.kind}, list" if each.multiple else each.kind
        yield f"{each.entity}.{each.title}", holds, each.id, labels
    for pipeline in found.pipelines:
        stages = ", ".join(title for _, title in pipeline.stages)
        yield "pipeline", pipeline.title, pipeline.id, stages
    for person in found.operators:
        yield "responsible", person.name, person.user or person.id, ""
    for tag in found.tags:
        yield "tags", tag, "", ""


async def _ends(
    session: Session, hub: Hub, caller: Caller, asked: tuple[str, str]
) -> tuple[ConnectionId, ConnectionId]:
    begins = await pick(session, hub, caller, asked[0])
    return begins.id, (await pick(session, hub, caller, asked[1])).id


async def _named(hub: Hub, caller: Caller, asked: str) -> tuple[MappingLine, ...]:
    known = await flow.mappings(hub, caller)
    return tuple(each for each in known if asked in {each.name, str(each.id)})


async def _pick(session: Session, hub: Hub, caller: Caller, asked: str) -> MappingLine:
    """Find a mapping by its name or its id."""
    found = await _named(hub, caller, asked)
    if not found:
        session.fail(session.word("no_mapping", asked=asked))
    return found[0]


def _text(session: Session, path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        session.fail(session.word("bad_file", path=path, why=_why(error)))


def _json(session: Session, path: Path) -> Any:
    try:
        return json.loads(_text(session, path))
    except (json.JSONDecodeError, RecursionError) as error:
        session.fail(session.word("bad_file", path=path, why=_why(error)))


def _why(error: Exception) -> str:
    match error:
        case OSError():
            return error.strerror or type(error).__name__
        case json.JSONDecodeError():
            return f"{error.msg}, line {error.lineno}"
        case _:
            return type(error).__name__


def _tell(session: Session, problems: tuple[Problem, ...]) -> None:
    for each in problems:
        style = "red" if each.level == "error" else "yellow"
        session.print(f"{each.level}: {each}", style=style)


def _row(change: Change) -> tuple[object, ...]:
    before, after = ", ".join(change.before), ", ".join(change.after)
    return change.rule, change.target, change.outcome, before, after, change.why
