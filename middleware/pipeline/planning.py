"""Planning: which deliveries an event makes us owe. Runs inside the unit that records the event."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mappers.vocabulary import (
    SETTLED,
    ConnectionId,
    ContactId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageId,
    Priority,
    Status,
    WorkspaceId,
)
from middleware.pipeline import deals, rules
from middleware.pipeline.deals import Wish
from middleware.store.duties import Duty, Job, Owed, ToldWithout
from middleware.store.port import Unit
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    FileRow,
    MessageRow,
    OpenQuestion,
    RouteRow,
)

DEAL_LOOKS = "adopt"
BEGUN = frozenset({DeliveryState.CALLING, DeliveryState.DOUBT})
# An entry that goes to no deal, and makes none; a deal that is one channel's alone.
APART = "apart"


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One conversation of one contact, as one route carries it to a CRM."""

    route: RouteRow
    conversation: ConversationRow
    contact: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one CRM shows of a message's attachments as files, and how long it waits for each.

    `asks`: nobody there notices a new message by themselves, so a task asks to answer it.
    """

    files: tuple[int, ...] = ()
    wait: timedelta = timedelta()
    asks: bool = False


NOTHING = Shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A customer's message that was just recorded, and what each CRM shows of its files."""

    id: MessageId
    said: Message
    shown: Mapping[ConnectionId, Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What an operator is told of a reply.

    `doubt` names what a person has to decide, a delivery or a reply; `closed`: the customer does
    not want to be written to.
    """

    status: Status
    code: str = ""
    doubt: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Planner:
    """Turns what was recorded into duties, inside one unit and at one moment."""

    unit: Unit
    now: datetime

    async def write(self, conversation: ConversationRow, contact: ContactId, new: Incoming) -> None:
        """Owe a customer's message to every CRM that the channel is routed to."""
        for route in await self.unit.routes_from(conversation.connection):
            if await self.carries(route, contact):
                at = Counterpart(route, conversation, contact)
                await self._write_to(at, new)

    async def carries(self, route: RouteRow, contact: ContactId) -> bool:
        """Say whether a route is meant for this customer."""
        pilot = route.policy.pilot
        return not pilot or rules.is_in_pilot(pilot, await self.unit.person(contact))

    async def _write_to(self, at: Counterpart, new: Incoming) -> None:
        """Owe an entry for the text with the first file, and one for each file after it."""
        route, contact, message = at.route, at.contact, new.id
        shown = new.shown.get(route.target, NOTHING)
        opens = deals.opens_deal(route.policy, new.said)
        used = await self.deal(at)
        is_apart = used is None and not opens
        entry = Duty(
            workspace=at.conversation.workspace,
            target=route.target,
            lane=rules.thread_lane(at.conversation.thread or contact),
            kind=DeliveryKind.WRITE,
            subject=message,
            priority=Priority.MESSAGE,
            after=await self.prerequisites(at, opens=opens),
            route=route.id,
            message=message,
            conversation=at.conversation.id,
            contact=contact,
            detail={APART: True} if is_apart else {},
        )
        if shown.files:
            entry = replace(entry, detail={**entry.detail, "file": shown.files[0]}, wait=shown.wait)
        written = await self.unit.owe(entry)
        for part, position in enumerate(shown.files[1:], 1):
            await self.unit.owe(
                replace(entry, part=part, detail={**entry.detail, "file": position})
            )
        if used is not None and route.policy.thread_window:
            await self.unit.use_deal(route.target, used.deal)
        if not is_apart and rules.adopts_deal(route.policy, used):
            await self.require(
                at, DeliveryKind.ENSURE_DEAL, after=written, detail={DEAL_LOOKS: True}
            )

        if shown.asks:
            await self.ask_to_answer(at, after=entry.after)
        await self.expect_answer(at)

    async def expect_answer(self, at: Counterpart) -> None:
        """Owe a task for the moment when the first message without an answer is overdue."""
        policy = at.route.policy
        if policy.answer_within:
            question = await self.unit.open_question(at.conversation.id)
            if question is not None:
                due = rules.answer_due(policy, question)
                duty = self._task(at, question, rules.UNANSWERED, {"due": due.isoformat()})
                await self.unit.owe(replace(duty, wait=max(due - self.now, timedelta())))

    async def ask_to_answer(self, at: Counterpart, *, after: DeliveryId | None = None) -> None:
        """Owe a task about the first message without an answer: one, until somebody answers."""
        question = await self.unit.open_question(at.conversation.id)
        if question is not None:
            await self.unit.owe(replace(self._task(at, question, rules.NOTES, {}), after=after))

    def _task(
        self, at: Counterpart, question: OpenQuestion, sort: rules.Sort, detail: Mapping[str, str]
    ) -> Duty:
        return Duty(
            workspace=at.conversation.workspace,
            target=at.route.target,
            lane=rules.task_lane(sort.name, at.conversation.id),
            kind=DeliveryKind.CREATE_TASK,
            subject=question.message,
            part=sort.part,
            priority=Priority.STATUS,
            route=at.route.id,
            message=question.message,
            conversation=at.conversation.id,
            contact=at.contact,
            detail={"task": sort.name, **detail},
        )

    async def follow_up(self, job: Job, told: ToldWithout) -> None:
        """Owe a file, or the news that it will not come, to a CRM that was told without it."""
        await self.unit.owe(
            Duty(
                workspace=job.workspace,
                target=told.target,
                lane=told.lane,
                kind=DeliveryKind.WRITE,
                subject=job.subject,
                part=rules.LATE + job.part,
                priority=Priority.MESSAGE,
                route=told.route,
                message=job.message_id,
                conversation=told.conversation,
                contact=told.contact,
                detail={"late_file": job.part},
            )
        )

    async def fetch(
        self, conversation: ConversationRow, source: ConnectionId, message: MessageId, position: int
    ) -> DeliveryId:
        """Owe a file to ourselves: it is fetched from where its message came from."""
        await self.unit.keep_file(FileRow(message=message, position=position))
        return await self.unit.owe(
            Duty(
                workspace=conversation.workspace,
                target=source,
                lane=rules.file_lane(message),
                kind=DeliveryKind.FETCH_FILE,
                subject=message,
                part=position,
                priority=Priority.STATUS,
                message=message,
                conversation=conversation.id,
                contact=conversation.contact,
            )
        )

    async def deal(self, at: Counterpart) -> DealRow | None:
        """The deal that the route wants used, as far as we know."""
        known = await self.unit.deals(at.contact, at.route.target)
        wish = Wish(policy=at.route.policy, channel=at.conversation.connection, now=self.now)
        return wish.choose(known)

    async def prerequisites(
        self,
        at: Counterpart,
        before: DeliveryKind = DeliveryKind.WRITE,
        *,
        opens: bool = True,
    ) -> DeliveryId | None:
        """Owe what the CRM lacks for `before`; return the last of it, which is waited for.

        Without `opens` a deal is missed only where one was in use.
        """
        target = at.route.target
        known = rules.Known(
            link=await self.unit.link(at.contact, target),
            deal=await self.deal(at),
            opened=await self.unit.opened(at.conversation.id, target),
        )
        missing = rules.needs(at.route.policy, known, self.now, opens=opens)
        last: DeliveryId | None = None
        for kind in missing.before(before):
            last = await self.require(at, kind, after=last)
        return last

    async def latest(self, at: Counterpart, kind: DeliveryKind) -> Owed | None:
        """The prerequisite of this kind that was owed last."""
        return await self.unit.latest(at.route.target, kind, _subject(kind, at)[0])

    async def require(
        self,
        at: Counterpart,
        kind: DeliveryKind,
        *,
        after: DeliveryId | None = None,
        detail: dict[str, Any] | None = None,
        anew: bool = False,
    ) -> DeliveryId:
        """Owe a prerequisite anew, unless the one that is owed already has not been done yet.

        `anew`: one that is under way began before what we know now.
        """
        subject, about = _subject(kind, at)
        detail = {**(detail or {}), **about}
        last, over = await self.latest(at, kind), SETTLED | BEGUN if anew else SETTLED
        if last is not None and last.state not in over:
            return last.id
        return await self.unit.owe(
            Duty(
                workspace=at.conversation.workspace,
                target=at.route.target,
                lane=_lane(kind, at),
                kind=kind,
                subject=subject,
                priority=Priority.MESSAGE,
                revision=0 if last is None else last.revision + 1,
                after=after,
                route=at.route.id,
                conversation=at.conversation.id,
                contact=at.contact,
                detail=detail,
            )
        )

    async def correct(
        self, kind: DeliveryKind, message: MessageRow, conversation: ConversationRow, revision: int
    ) -> None:
        """Owe a correction to every CRM that holds the message, or is about to."""
        for route in await self.unit.routes_from(conversation.connection):
            written = await self.unit.latest(route.target, DeliveryKind.WRITE, message.id)
            if written is None:
                continue
            await self.unit.owe(
                Duty(
                    workspace=conversation.workspace,
                    target=route.target,
                    lane=rules.message_lane(message.id),
                    kind=kind,
                    subject=message.id,
                    revision=revision,
                    priority=Priority.MESSAGE,
                    after=written.id,
                    route=route.id,
                    message=message.id,
                    conversation=conversation.id,
                    contact=conversation.contact,
                )
            )

    async def catch_up(
        self,
        conversation: ConversationRow,
        crm: ConnectionId,
        *,
        after: DeliveryId | None = None,
    ) -> None:
        """Owe one conversation its history, unless it waits to be asked for already."""
        last = await self.unit.latest(crm, DeliveryKind.READ_HISTORY, conversation.id)
        if not rules.needs_history_again(last.state if last else None):
            return
        duty = rules.history_duty(
            conversation.workspace, crm, conversation.id, conversation.contact
        )
        revision = 0 if last is None else last.revision + 1
        await self.unit.owe(replace(duty, revision=revision, after=after))

    async def ask_names(self, workspace: WorkspaceId, crm: ConnectionId) -> None:
        """Owe a CRM's list of its operators, once an hour at most: a bot is never on it."""
        await self.unit.owe(
            Duty(
                workspace=workspace,
                target=crm,
                lane=rules.OPERATORS_LANE,
                kind=DeliveryKind.READ_OPERATORS,
                subject=crm,
                revision=int(self.now.timestamp() // 3600),
                priority=Priority.BACKFILL,
            )
        )

    async def report(self, message: MessageRow, news: News) -> None:
        """Owe the operator word of how far a reply got.

        Later reports overtake earlier ones that were not told yet.
        """
        crm = message.connection
        last = await self.unit.latest(crm, DeliveryKind.REPORT, message.id)
        await self.unit.owe(
            Duty(
                workspace=message.workspace,
                target=crm,
                lane=rules.message_lane(message.id),
                kind=DeliveryKind.REPORT,
                subject=message.id,
                revision=0 if last is None else last.revision + 1,
                priority=Priority.STATUS,
                message=message.id,
                conversation=message.conversation,
                detail={
                    "status": news.status.value,
                    "code": news.code,
                    "doubt": news.doubt,
                    "closed": news.closed,
                },
            )
        )


def _subject(kind: DeliveryKind, at: Counterpart) -> tuple[UUID, dict[str, Any]]:
    """What a prerequisite is for: an exchange, a customer, or a customer on one channel."""
    match kind:
        case DeliveryKind.OPEN_CONVERSATION:
            return at.conversation.id, {}
        case DeliveryKind.ENSURE_DEAL:
            policy, channel = at.route.policy, at.conversation.connection
            is_apart = policy.deal_scope == "channel"
            about = {APART: True} if is_apart else {}
            return deals.subject_of(policy, at.contact, channel), about
        case _:
            return at.contact, {}


def _lane(kind: DeliveryKind, at: Counterpart) -> str:
    """Deals of one customer are looked for one at a time, whatever channel they are for."""
    opens = kind is DeliveryKind.OPEN_CONVERSATION
    return rules.prerequisite_lane(kind, at.conversation.id if opens else at.contact)
