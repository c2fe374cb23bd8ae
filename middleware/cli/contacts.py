"""`threadline contacts …`: who is the same person, and who is not."""

from typing import Annotated

import typer

from mappers.vocabulary import ContactId, ConversationId
from middleware.cli.deliveries import Cursor, Limit
from middleware.cli.session import Json, Session, moment, pick, session_of, uuid_of
from middleware.hub import Hub
from middleware.operations.claims import flow as asking
from middleware.operations.model import Caller, Page
from middleware.operations.people import flow
from middleware.operations.people.model import ClaimLine, Decided, How, Joined, Verdict

Preview = Annotated[
    bool, typer.Option("--preview", help="Only say what would move; nothing is written.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Also when all they have in common is likely shared.")
]
HEADINGS = ("claim", "what", "evidence", "claimants", "contact", "holder", "since")
RECORDS = ("CRM", "kept", "joined", "used")


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    inner = typer.Typer(help="Who is the same person, and who is not.", no_args_is_help=True)
    for command in (claims, decide, link, unlink, undo):
        inner.command()(command)
    app.add_typer(inner, name="contacts")


def claims(
    context: typer.Context, cursor: Cursor = "", limit: Limit = 50, as_json: Json = False
) -> None:
    """List contacts that may be the same person, the oldest question first."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Page[ClaimLine]:
        return await asking.find(hub, caller, cursor=cursor, limit=limit)

    page = session.run(work)
    if as_json:
        session.json(page)
        return
    session.table(HEADINGS, [_row(line) for line in page.items])
    if page.next:
        session.hint("more", cursor=page.next)


def _row(line: ClaimLine) -> tuple[object, ...]:
    claimants = f"{line.claimants} (shared)" if line.shared else line.claimants
    ends = (f"{who.id} {who.name} {', '.join(who.records)}" for who in (line.contact, line.holder))
    what = f"{line.kind} {line.value}"
    return (line.id, what, line.evidence, claimants, *ends, moment(line.at))


def decide(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="The claim.")],
    verdict: Annotated[
        Verdict, typer.Argument(help="same: link the two. different: do not ask again.")
    ],
    again: Again = False,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Answer a claim: the same person, or two who share something."""
    session = session_of(context)
    claim, how = uuid_of(session, which), How(again=again, preview=preview)

    async def work(hub: Hub, caller: Caller) -> Decided:
        return await asking.decide(hub, caller, claim, verdict, how)

    done = session.run(work)
    if as_json:
        session.json(done)
        return
    if done.join is not None:
        _tell(session, done.join)
    session.say("claim_would" if preview else "claim_decided", decision=verdict.value)


def link(
    context: typer.Context,
    keep: Annotated[str, typer.Argument(help="The contact that stays.")],
    join: Annotated[str, typer.Argument(help="The contact whose chats it takes over.")],
    again: Again = False,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Say that two contacts are one person."""
    session = session_of(context)
    kept, joined = ContactId(uuid_of(session, keep)), ContactId(uuid_of(session, join))
    how = How(again=again, preview=preview)

    async def work(hub: Hub, caller: Caller) -> Joined:
        return await flow.link(hub, caller, kept, joined, how)

    _show(session, session.run(work), as_json=as_json)


def unlink(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="The contact.")],
    conversation: Annotated[
        str | None, typer.Option("--conversation", help="Make it a contact of its own.")
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", help="Forget the contact's record in this CRM.")
    ] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Take a conversation out of a contact, or the contact off a record."""
    session = session_of(context)
    contact = ContactId(uuid_of(session, which))
    if (conversation is None) == (record is None):
        session.fail(session.word("one_of"))

    async def work(hub: Hub, caller: Caller) -> Joined:
        if conversation is not None:
            taken = ConversationId(uuid_of(session, conversation))
            return await flow.unlink(hub, caller, contact, taken, preview=preview)
        crm = await pick(session, hub, caller, record or "")
        return await flow.forget_record(hub, caller, contact, crm.id, preview=preview)

    _show(session, session.run(work), as_json=as_json)


def undo(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="What a link or an unlink said to undo it by.")],
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Put back what a link or an unlink moved, as far as it has not moved on."""
    session = session_of(context)
    join = uuid_of(session, which)

    async def work(hub: Hub, caller: Caller) -> Joined:
        return await flow.undo(hub, caller, join, preview=preview)

    done = session.run(work)
    if as_json:
        session.json(done)
        return
    _tell(session, done, can_undo=False)


def _show(session: Session, done: Joined, *, as_json: bool) -> None:
    if as_json:
        session.json(done)
        return
    _tell(session, done)


def _tell(session: Session, done: Joined, *, can_undo: bool = True) -> None:
    for name in done.identities:
        session.print(f"  {name}")
    if done.records:
        rows = [(each.title, each.kept, each.joined, each.used) for each in done.records]
        session.table(RECORDS, rows)
    if done.id is None and not done.preview:
        session.say("join_nothing")
        return
    session.say(
        "would_join" if done.preview else "joined",
        identities=len(done.identities),
        conversations=len(done.conversations),
        deliveries=done.deliveries,
    )
    for what in done.stays:
        session.say("join_stays", what=what)
    if can_undo and done.id is not None:
        session.say("join_undo", id=done.id)
