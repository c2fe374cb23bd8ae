"""`threadline deliveries`, `replay`, `held …`, `inbox …`."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, TypeAlias
from uuid import UUID

import typer

from mappers.vocabulary import DeliveryId, DeliveryKind, DeliveryState
from middleware.cli import previewing
from middleware.cli.session import Json, Session, moment, pick, pick_id, session_of, uuid_of
from middleware.hub import Hub
from middleware.operations.arrivals import flow as arrivals
from middleware.operations.arrivals.store import ArrivalLine
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import Bulk, How, Settled
from middleware.operations.deliveries.model import Decision, DeliveryLine, Filter, Group, Mapped
from middleware.operations.model import Caller, Page
from middleware.operations.rehearsals.flow import Look
from middleware.operations.trace.rules import masked_page

States = Annotated[list[DeliveryState] | None, typer.Option("--state", help="In this state.")]
Kinds = Annotated[list[DeliveryKind] | None, typer.Option("--kind", help="Of this kind.")]
To = Annotated[str | None, typer.Option("--to", help="Owed to this connection.")]
Hours = Annotated[float | None, typer.Option("--hours", help="Planned in the last hours.")]
Code = Annotated[str, typer.Option("--code", help="Failed with this code.")]
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=500)]
Cursor = Annotated[str, typer.Option(help="Go on where a page ended.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show what one would change, field by field; change nothing."),
]
Version = Annotated[
    Mapped,
    typer.Option(help="By which version of its mapping values for fields are made."),
]
Raw = Annotated[bool, typer.Option("--raw", help="Show what customers said.")]
_Replayed: TypeAlias = tuple[int, Counter[str]]
HEADINGS = ("id", "kind", "state", "to", "tries", "code", "planned", "text")


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(deliveries)
    app.command()(replay)
    for group, words, commands in (
        ("held", "What waits for a person's decision.", (("list", held_list), ("settle", settle))),
        ("inbox", "What could not be read.", (("list", inbox_list), ("read", inbox_read))),
    ):
        inner = typer.Typer(help=words, no_args_is_help=True)
        for name, command in commands:
            inner.command(name)(command)
        app.add_typer(inner, name=group)


def deliveries(
    context: typer.Context,
    states: States = None,
    kinds: Kinds = None,
    to: To = None,
    hours: Hours = None,
    code: Code = "",
    cursor: Cursor = "",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List deliveries, the newest first; what customers said is hidden."""
    session = session_of(context)
    asked = _Which(states, kinds, to, hours, code)

    async def work(hub: Hub, caller: Caller) -> Page[DeliveryLine]:
        wanted = await asked.filter(session, hub, caller)
        return await flow.find(hub, caller, wanted, cursor=cursor, limit=limit)

    _show(session, masked_page(session.run(work)), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Which:
    """Which deliveries are meant, as typed."""

    states: list[DeliveryState] | None
    kinds: list[DeliveryKind] | None
    to: str | None
    hours: float | None
    code: str

    async def filter(self, session: Session, hub: Hub, caller: Caller) -> Filter:
        return Filter(
            states=tuple(self.states or ()),
            kinds=tuple(self.kinds or ()),
            connection=await pick_id(session, hub, caller, self.to),
            since=None if self.hours is None else hub.clock.now() - timedelta(hours=self.hours),
            code=self.code,
        )


def _show(session: Session, page: Page[DeliveryLine], *, as_json: bool) -> None:
    if as_json:
        session.json(page)
        return
    session.table(HEADINGS, [_row(line) for line in page.items])
    if page.next:
        session.hint("more", cursor=page.next)


def _row(line: DeliveryLine) -> tuple[object, ...]:
    return (
        *(line.id, line.kind.value, line.state.value, line.title, line.attempts, line.code),
        moment(line.created_at),
        line.words,
    )


def replay(
    context: typer.Context,
    which: Annotated[
        str | None, typer.Argument(help="One delivery; or say which, by options.")
    ] = None,
    states: States = None,
    kinds: Kinds = None,
    to: To = None,
    hours: Hours = None,
    code: Code = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what is done or skipped already.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without, many are only counted.")
    ] = False,
    dry_run: DryRun = False,
    mapping: Version = Mapped.ORIGINAL,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Deliver once more: one, or many. Without --state, many means what is dead."""
    session = session_of(context)
    if which is not None:
        one = DeliveryId(uuid_of(session, which))
        if dry_run:
            previewing.show(
                session, one, Look(again=again, raw=raw, mapping=mapping), as_json=as_json
            )
            return

        async def work_one(hub: Hub, caller: Caller) -> bool:
            return await flow.replay(hub, caller, one, How(again=again, mapping=mapping))

        session.run(work_one)
        session.say("replayed", count=1)
        return

    asked = _Which(states, kinds, to, hours, code)

    async def work(hub: Hub, caller: Caller) -> tuple[tuple[Group, ...], _Replayed]:
        wanted = await asked.filter(session, hub, caller)
        groups = await flow.estimate(hub, caller, wanted)
        if dry_run or not yes:
            return groups, (0, Counter())
        return groups, await _replay_all(hub, caller, wanted, Bulk(again=again, mapping=mapping))

    groups, done = session.run(work)
    _tell_replayed(session, groups, done, yes=yes and not dry_run)


async def _replay_all(hub: Hub, caller: Caller, wanted: Filter, how: Bulk) -> _Replayed:
    done, refused, cursor = 0, Counter[str](), ""
    while True:
        part = await flow.replay_many(hub, caller, wanted, replace(how, cursor=cursor))
        done += len(part.replayed)
        refused.update(part.refused)
        cursor = part.next
        if not cursor:
            return done, refused


def _tell_replayed(
    session: Session, groups: tuple[Group, ...], what: _Replayed, *, yes: bool
) -> None:
    rows = [
        (g.title, g.kind.value, g.state.value, g.count, moment(g.oldest), moment(g.newest))
        for g in groups
    ]
    session.table(("to", "kind", "state", "count", "oldest", "newest"), rows)
    if not yes:
        session.say("estimate", count=sum(group.count for group in groups))
        session.say("dry")
        return
    done, refused = what
    session.say("replayed", count=done)
    for why, count in refused.most_common():
        session.say("refused", count=count, why=why)


def held_list(
    context: typer.Context, cursor: Cursor = "", limit: Limit = 50, as_json: Json = False
) -> None:
    """List what waits for a person's decision."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Page[DeliveryLine]:
        wanted = Filter(states=(DeliveryState.HELD,))
        return await flow.find(hub, caller, wanted, cursor=cursor, limit=limit)

    _show(session, masked_page(session.run(work)), as_json=as_json)


def settle(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="A delivery, or a reply with its parts.")],
    decision: Annotated[
        Decision, typer.Argument(help="send: deliver it. sent: it arrived. drop: do not.")
    ],
) -> None:
    """Decide about a held delivery, or about a reply's held parts."""
    session = session_of(context)
    subject: UUID = uuid_of(session, which)

    async def work(hub: Hub, caller: Caller) -> Settled:
        return await flow.settle(hub, caller, subject, decision)

    done = session.run(work)
    session.say("settled", decision=decision.value, count=len(done.deliveries))


def inbox_list(
    context: typer.Context,
    of: Annotated[str | None, typer.Option("--of", help="Of this connection.")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List parcels that nobody could read, the oldest first."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Page[ArrivalLine]:
        connection = await pick_id(session, hub, caller, of)
        return await arrivals.set_aside(hub, caller, connection, cursor=cursor, limit=limit)

    page = session.run(work)
    if as_json:
        session.json(page)
        return
    rows = [
        (f"#{line.arrival}", line.title, moment(line.received_at), line.form, line.tries, line.note)
        for line in page.items
    ]
    session.table(("arrival", "from", "came", "form", "tries", "note"), rows)
    if page.next:
        session.hint("more", cursor=page.next)


def inbox_read(
    context: typer.Context,
    of: Annotated[str, typer.Argument(help="The connection.")],
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Arrival numbers; none: all that were set aside.")
    ] = None,
) -> None:
    """Read parcels again, once whatever made them unreadable is mended."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> tuple[int, ...]:
        connection = await pick(session, hub, caller, of)
        return await arrivals.read_again(hub, caller, connection.id, numbers or None)

    session.say("read_again", count=len(session.run(work)))
