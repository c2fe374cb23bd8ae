"""Recording: what an attempt's end means for people, conversations and what else is owed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from mappers.vocabulary import (
    Blocked,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Failure,
    HistoryRead,
    MessageId,
    Receipt,
    Status,
)
from middleware.connections.model import Connected, ConnectedCrm, Directory
from middleware.fields.flow import FieldsWritten
from middleware.fields.record import record_fields
from middleware.identity.flow import ContactEnsured, DealEnsured
from middleware.outbox.correcting import SAID, UNSAID, Corrected, Declined
from middleware.outbox.effects import Rehearsed
from middleware.outbox.perform import (
    Accepted,
    ConversationOpened,
    FileFetched,
    HistoryFetched,
    Nothing,
    OperatorsRead,
    Result,
    TaskMade,
)
from middleware.outbox.rules import (
    AskProvider,
    Bury,
    CloseConversation,
    Hold,
    LetGo,
    LookAgain,
    ParkConnection,
    Renewed,
    RetryAt,
    Verdict,
)
from middleware.pipeline.corrections import plan_remark
from middleware.pipeline.deals import used_by
from middleware.pipeline.flow import Intake
from middleware.pipeline.planning import APART, Counterpart, News, Planner
from middleware.pipeline.rules import form_of_history, is_history_owed
from middleware.store.duties import CORRECTS_REPLIES, DRY_RUN, RESTORED, Job, Settlement
from middleware.store.port import Unit
from middleware.store.rows import ConversationRow, FileRow, OpenedRow, Parcelled
from middleware.webhooks.keys import digest_of

SOON = timedelta(seconds=1)
OPENS_WITHIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records one attempt's end, and what follows from it, in one unit."""

    to: Connected
    directory: Directory
    unit: Unit
    job: Job
    now: datetime

    @property
    def planner(self) -> Planner:
        return Planner(self.unit, self.now)

    async def done(self, result: Result) -> None:
        """The duty is fulfilled: remember what we learned, then move the lane on."""
        if isinstance(result, FieldsWritten):
            await record_fields(self.unit, self.job, result, self.now)
            return
        state = DeliveryState.SKIPPED if _was_skipped(result) else DeliveryState.DONE
        learned = _learned(self.job, result)
        end = Settlement(state=state, code=_code_of(result), detail=learned)
        await self.unit.settle(self.job, end)
        match result:
            case Accepted(receipt=receipt):
                await self._accepted(receipt)
            case ContactEnsured(record=record, evidence=evidence) if self.job.contact:
                await self.unit.set_link(self.job.contact, self.job.target, record, evidence)
                await self._follow(record)
            case DealEnsured(deal=deal) if deal is not None and self.job.contact:
                await self.unit.save_deal(self.job.contact, self.job.target, deal, result.evidence)
            case ConversationOpened() if self.job.conversation is not None:
                await self._opened(result, self.job.conversation)
            case HistoryFetched(parcels=parcels):
                await self.unit.append(
                    [
                        Parcelled(
                            connection=self.job.target,
                            digest=digest_of(f"{parcel.key}@{self.job.key}"),
                            form=form_of_history(parcel.form, self.job.revision),
                            body=parcel.body,
                        )
                        for parcel in parcels
                    ]
                )
            case OperatorsRead(operators=operators):
                await self.unit.know_operators(self.job.target, operators)
            case FileFetched(file=file):
                await self._decide_about(file)
            case _:
                await self._corrected(result)

    async def _corrected(self, result: Result) -> None:
        """A reply reads otherwise now, or ends sooner, or goes on reading as it did."""
        match result:
            case Nothing() if self.job.kind is DeliveryKind.SEND and self.job.sent:
                await self._said_enough()
            case Corrected(why=""):
                await self._confirm()
            case Declined(code=code):
                await self._remark(code)
            case _:
                pass

    async def _decide_about(self, file: FileRow) -> None:
        """A file is here, or never will be: whoever waits goes on, whoever did not wait is told."""
        await self.unit.keep_file(file)
        for told in await self.unit.let_go(file.message, file.position):
            await self.planner.follow_up(self.job, told)
        if self.job.conversation is not None:
            self.unit.touched.add(self.job.conversation.connection)

    async def _give_up_file(self, code: str, base: Settlement) -> None:
        """Nothing waits for a file that will not come: the words say why."""
        job = self.job
        await self.unit.settle(job, replace(base, state=DeliveryState.DONE))
        if job.message_id is not None:
            file = FileRow(message=job.message_id, position=job.part, state="refused", reason=code)
            await self._decide_about(file)

    async def _follow(self, record: str) -> None:
        """The person's record is another one now: tie the conversation to it, message or not."""
        was = self.job.link
        if was is not None and was.record != record:
            await self._prerequisites(DeliveryKind.WRITE)

    async def _prerequisites(self, before: DeliveryKind) -> DeliveryId | None:
        last = None
        for at in await self._counterparts():
            # A message without words may have made no deal; another one has, or will.
            opens = at.route.policy.deal_on == "message" or _wants_deal(self.job)
            last = await self.planner.prerequisites(at, before, opens=opens)
        return last

    async def _counterparts(self) -> tuple[Counterpart, ...]:
        """By which routes the conversation reaches this CRM, and with whom, as of now."""
        job = self.job
        if job.conversation is None or job.contact is None:
            return ()
        # The conversation may have been given to another contact since it was loaded.
        conversation = await self.unit.conversation(job.conversation.id)
        contact = conversation.contact or job.contact
        routes = await self.unit.routes_from(conversation.connection)
        return tuple(
            Counterpart(route, conversation, contact)
            for route in routes
            if route.target == job.target
        )

    async def _opened(self, result: ConversationOpened, conversation: ConversationRow) -> None:
        """Remember the counterpart; what was said there before we knew of it is read back.

        Operators see the conversation as soon as the CRM has it. When an earlier call may have
        opened it, or the record of this one was long in coming, they may have told us in vain. So
        they may where it was opened in a time that a restored database has forgotten.
        """
        job, is_restored = self.job, RESTORED in self.job.detail
        since = job.called_at if is_restored else job.created_at
        tells_once = isinstance(self.to, ConnectedCrm) and self.to.can.replies_told_once
        has_failed = job.failures > 0 or job.was is DeliveryState.DOUBT
        is_late = has_failed or self.now - job.called_at > OPENS_WITHIN
        last = await self.unit.latest(job.target, DeliveryKind.READ_HISTORY, conversation.id)
        is_owed = is_history_owed(last.state if last else None)
        is_behind = is_restored or (tells_once and (is_late or is_owed))
        counterpart = OpenedRow(
            opened=result.opened,
            ours=job.ours,
            record=result.record,
            opened_at=since,
            behind_since=since if is_behind else None,
            begun_there=job.opened is not None and job.opened.begun_there,
        )
        await self.unit.set_opened(conversation.id, job.target, counterpart)
        if is_behind:
            await self.planner.catch_up(conversation, job.target)

    async def _accepted(self, receipt: Receipt) -> None:
        if self.job.message_id is None:
            return
        names = receipt.provider_ids
        await self.unit.add_names(self.job.target, self.job.message_id, names, self.job.part)
        for name in names:
            await self.unit.wake_waiting(self.job.target, name)
        if self.job.opened is not None and self.job.opened.begun_there:
            await self._told_ours()
        if self.job.kind is DeliveryKind.SEND:
            progress = receipt.status
            await tell_progress(self.planner, self.job.target, self.job.message_id, progress)
        if receipt.user:
            await self._told_customer(receipt.user)

    async def _said_enough(self) -> None:
        """The rest of a reply was taken back: what was said before is all of it."""
        if self.job.message_id is not None:
            await tell_progress(self.planner, self.job.target, self.job.message_id)

    async def _confirm(self) -> None:
        """The channel shows the reply as it reads now: the CRM hears so again."""
        if self.job.kind is DeliveryKind.EDIT and self.job.message_id is not None:
            row, _ = await self.unit.reply(self.job.message_id)
            if row.status not in (Status.QUEUED, Status.FAILED):
                await self.planner.report(row, News(status=row.status))

    async def _remark(self, code: str) -> None:
        if self.job.message_id is not None:
            row, _ = await self.unit.reply(self.job.message_id)
            await plan_remark(self.planner, row, self.job, code)

    async def _told_ours(self) -> None:
        """A CRM that began a conversation knows our name of it from the first entry on."""
        if self.job.kind is not DeliveryKind.WRITE or self.job.conversation is None:
            return
        at = self.job.conversation.id
        if (opened := await self.unit.opened(at, self.job.target)) is not None:
            counterpart = replace(opened, begun_there=False)
            await self.unit.set_opened(at, self.job.target, counterpart)

    async def _told_customer(self, user: str) -> None:
        """Who the customer is to the CRM came with an entry: the conversation is tied by that."""
        job = self.job
        if job.kind is not DeliveryKind.WRITE or job.conversation is None:
            return
        opened = await self.unit.opened(job.conversation.id, job.target)
        if opened is None or opened.opened.user == user:
            return
        known = replace(opened, opened=replace(opened.opened, user=user))
        await self.unit.set_opened(job.conversation.id, job.target, known)
        for at in await self._counterparts():
            await self.planner.require(at, DeliveryKind.OPEN_CONVERSATION)

    async def failed(self, failure: Failure | None, verdict: Verdict | None) -> None:
        """Record a failure and the step that was chosen."""
        job, settle = self.job, self.unit.settle
        skip = job.policy.lane_policy == "skip"
        base = Settlement(state=DeliveryState.READY, failure=failure, skip_lane=skip)
        match verdict:
            case Hold() | CloseConversation() | Bury() if job.kind is DeliveryKind.FETCH_FILE:
                code = verdict.code if isinstance(verdict, Hold) else ""
                await self._give_up_file(code or (failure.code if failure else ""), base)
            case RetryAt(when=when, counts=counts):
                await settle(job, replace(base, due_at=when, counts=counts))
            case AskProvider(when=when):
                await settle(
                    job, replace(base, state=DeliveryState.DOUBT, due_at=when, counts=True)
                )
            case Renewed():
                await settle(job, replace(base, state=job.was, due_at=self.now + SOON))
            case ParkConnection():
                await self._park(failure, base)
            case LookAgain(gone=gone):
                await self._look_again(gone, base)
            case Hold() | LetGo():
                await self._hold(verdict, base)
            case CloseConversation() | Bury():
                await self._bury(verdict, base)
            case None:
                raise TypeError("a failure without a verdict")
            case _:
                assert_never(verdict)

    async def _bury(self, verdict: CloseConversation | Bury, base: Settlement) -> None:
        await self.unit.settle(self.job, replace(base, state=DeliveryState.DEAD))
        if isinstance(verdict, CloseConversation) and self.job.conversation is not None:
            await self.unit.set_reachable(self.job.conversation.id, reachable=False)
        closed = isinstance(verdict, CloseConversation)
        code = base.failure.code if base.failure is not None else ""
        await self._tell(News(status=Status.FAILED, code=code, closed=closed))
        if self.job.kind in CORRECTS_REPLIES:
            await self._remark(code)
        if self.job.kind is DeliveryKind.READ_HISTORY and self.job.opened is not None:
            await self._stop_waiting(self.job.opened.opened.id)

    async def _stop_waiting(self, conversation: str) -> None:
        """What was missed cannot be read back: later replies need not wait for it any longer."""
        intake = Intake(self.to, self.directory, self.unit, self.now, self.job.revision)
        await intake.apply(HistoryRead(conversation=conversation))

    async def _park(self, failure: Failure | None, base: Settlement) -> None:
        in_doubt = self.job.was is DeliveryState.DOUBT
        state = DeliveryState.DOUBT if in_doubt else DeliveryState.PARKED
        await self.unit.settle(self.job, replace(base, state=state))
        code = failure.code if failure is not None else "hub.parked"
        blocked = isinstance(failure, Blocked)
        await self.unit.set_connection(
            self.job.target, "broken" if blocked else "needs_sign_in", code
        )

    async def _look_again(self, gone: str, base: Settlement) -> None:
        """Forget what is gone from the CRM, owe it anew, and let this delivery wait for that."""
        job = self.job
        if gone == "record" and job.link is not None:
            await self.unit.drop_links(job.target, job.link.record)
        if gone == "deal" and (used := used_by(job)) is not None:
            await self.unit.set_deal_state(job.target, used.deal, "deleted", "")
        last = await self._prerequisites(job.kind)
        await self.unit.settle(
            job, replace(base, due_at=self.now, after=last, detail={"looks": looks(job) + 1})
        )

    async def _hold(self, verdict: Hold | LetGo, base: Settlement) -> None:
        job = self.job
        if isinstance(verdict, LetGo) or job.kind is DeliveryKind.REFUSE:
            # A notice that may have been said is said well enough.
            await self.unit.settle(job, replace(base, state=DeliveryState.SKIPPED))
            return
        code = verdict.code
        await self.unit.settle(job, replace(base, state=DeliveryState.HELD, detail={"held": code}))
        await self._tell(News(status=Status.FAILED, code=code, doubt=str(job.id)))

    async def _tell(self, news: News) -> None:
        """Tell the operator that a reply did not simply arrive."""
        if self.job.kind is not DeliveryKind.SEND or self.job.message_id is None:
            return
        row, _ = await self.unit.reply(self.job.message_id)
        if not news.doubt:
            await self.unit.raise_status(row.id, Status.FAILED)
        await self.planner.report(row, news)


def looks(job: Job) -> int:
    """How often this delivery has made us look at the CRM anew."""
    return int(job.detail.get("looks", 0))


def _wants_deal(job: Job) -> bool:
    return job.kind is DeliveryKind.WRITE and APART not in job.detail


def _learned(job: Job, result: Result) -> Mapping[str, Any]:
    """What a delivery remembers of how it ended."""
    if isinstance(result, TaskMade):
        return {"made": result.task}
    if job.kind is not DeliveryKind.SEND:
        return {}
    match result:
        case Nothing():
            return {UNSAID: True, SAID: -1 if job.fact is None else job.fact.revision}
        case Accepted(said=said) if said >= 0:
            return {SAID: said}
        case _:
            return {}


def _code_of(result: Result) -> str:
    match result:
        case Rehearsed():
            return DRY_RUN
        case Declined(code=code):
            return code
        case _:
            return ""


def _was_skipped(result: Result) -> bool:
    is_late = isinstance(result, Nothing) and result.why in {"superseded", "too late"}
    return is_late or isinstance(result, Rehearsed | Declined)


async def tell_progress(
    planner: Planner, channel: ConnectionId, message: MessageId, status: Status = Status.SENT
) -> None:
    """Once every part of a reply is with the channel, tell the operator so."""
    parts = await planner.unit.parts(channel, message)
    if not parts or any(part.state is not DeliveryState.DONE for part in parts):
        return
    if await planner.unit.raise_status(message, status):
        row, _ = await planner.unit.reply(message)
        await planner.report(row, News(status=status))
