"""Rehearsing deliveries: the steps that would be taken, on stand-ins, with what each would change.

Nothing is written at a provider and nothing is recorded. What the CRM lacks is rehearsed first, as
it would be owed before the delivery; what is gone from there is found out anew, as it would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mappers.vocabulary import (
    ContactId,
    ConversationId,
    DeliveryKind,
    Failure,
    Permanent,
    ProviderError,
)
from middleware.connections.model import Connected, ConnectedCrm
from middleware.fields.flow import FieldsWritten
from middleware.fields.rules import TASK, text_of
from middleware.identity.flow import ContactEnsured, DealEnsured
from middleware.outbox.correcting import Corrected, Declined
from middleware.outbox.effects import Rehearsed, Script
from middleware.outbox.perform import ConversationOpened, Means, Nothing, Result, perform
from middleware.outbox.rules import MOST_LOOKS
from middleware.outbox.stand_ins import rehearsed
from middleware.pipeline.deals import opens_deal, used_by
from middleware.pipeline.rules import Known, needs
from middleware.store.duties import Job
from middleware.store.rows import DealRow, LinkRow, OpenedRow

ONLY_READ = frozenset({DeliveryKind.FETCH_FILE, DeliveryKind.READ_HISTORY})


async def rehearse(job: Job, to: Connected, means: Means, then: Sequence[Job] = ()) -> Rehearsed:
    """Say what doing it would do, and `then` what waits for it.

    Raises: `ProviderError` where the provider cannot be asked, or refuses to tell.
    """
    script = Script()
    rehearsal = Rehearsal(rehearsed(to, script), script, means, Memory())
    why = _why(await rehearsal.act(job))
    refused = [await rehearsal.refusal_of(each) for each in then]
    return Rehearsed(tuple(script), "; ".join(filter(None, (why, *refused))))


def _why(result: Result) -> str:
    match result:
        case Nothing(why=why) | Corrected(why=why) | Declined(code=why):
            return why
        case FieldsWritten(plan=plan) if plan.missing:
            return f"the CRM does not have {', '.join(plan.missing)}"
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What would be known by now, where that is more than was known before."""

    links: dict[ContactId, LinkRow] = field(default_factory=dict)
    deals: dict[ContactId, tuple[DealRow, ...]] = field(default_factory=dict)
    opened: dict[ConversationId, OpenedRow] = field(default_factory=dict)

    def of(self, job: Job) -> Job:
        """Return the job as it would be taken now."""
        contact, conversation = job.contact, job.conversation
        if contact is not None and contact in self.links:
            job = replace(job, link=self.links[contact])
        if conversation is not None and conversation.id in self.opened:
            job = replace(job, opened=self.opened[conversation.id])
        if contact is not None and contact in self.deals:
            job = replace(job, deals=self.deals[contact])
        return job

    def learn(self, job: Job, result: Result) -> None:
        """Take note of what would be recorded."""
        match result:
            case ContactEnsured(record=record, evidence=evidence) if job.contact:
                self.links[job.contact] = LinkRow(record=record, live=True, evidence=evidence)
            case DealEnsured(deal=deal) if job.contact and deal is not None:
                self.deals[job.contact] = (deal, *_without(job, deal))
            case ConversationOpened(opened=opened, record=record) if job.conversation:
                self.opened[job.conversation.id] = OpenedRow(
                    opened=opened, ours=job.ours, record=record, opened_at=job.taken_at
                )
            case _:
                pass

    def forget(self, job: Job, gone: str) -> None:
        """Something is not in the CRM any more."""
        if gone == "record" and job.link is not None and job.contact is not None:
            self.links[job.contact] = replace(job.link, live=False, gone=True)
        if gone == "deal" and job.contact is not None and (used := used_by(job)) is not None:
            self.deals[job.contact] = _without(job, used)


def _without(job: Job, deal: DealRow) -> tuple[DealRow, ...]:
    return tuple(each for each in job.deals if each.deal != deal.deal)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`stage` is the connection, written to by nobody."""

    stage: Connected
    script: Script
    means: Means
    known: Memory

    async def act(self, job: Job, looks: int = 0) -> Result:
        """Do it on the stage, after what it needs.

        On a dry route nothing was owed before it; elsewhere, only what turns out to be gone is.
        """
        length = len(self.script)
        try:
            if job.policy.dry_run or looks:
                await self._prepare(job, looks)
            return await self._do(job)
        except ProviderError as error:
            gone = _looked_for(error.failure)
            if not gone or looks >= MOST_LOOKS or not isinstance(self.stage, ConnectedCrm):
                raise
        self.script.back_to(length)
        self.known.forget(self.known.of(job), gone)
        return await self.act(job, looks + 1)

    async def refusal_of(self, job: Job) -> str:
        """Do what comes later; say so if it would be refused for good."""
        try:
            await self.act(job)
        except ProviderError as error:
            if not isinstance(error.failure, Permanent):
                raise
            return f"{job.kind} would be refused ({error.failure.code})"
        return ""

    async def _prepare(self, job: Job, looks: int) -> None:
        """Do first what the CRM lacks. Values for fields need cards, and no conversation."""
        if not isinstance(self.stage, ConnectedCrm) or job.contact is None:
            return
        fills = job.kind is DeliveryKind.WRITE_FIELDS and not looks
        before = DeliveryKind.OPEN_CONVERSATION if fills else job.kind
        now = self.known.of(job)
        known = Known(link=now.link, deal=used_by(now), opened=now.opened)
        live = replace(job.policy, dry_run=False)
        opens = job.message is None or opens_deal(live, job.message)
        missing = needs(live, known, job.taken_at, opens=opens)
        for kind in missing.before(before):
            step = replace(job, kind=kind, message=None, message_id=None, part=0, detail={})
            await self._do(step)

    async def _do(self, job: Job) -> Result:
        if job.kind in ONLY_READ:
            return Nothing("it only reads")
        now = self.known.of(job)
        result = await perform(now, self.stage, self.means)
        self.known.learn(now, result)
        if isinstance(result, FieldsWritten):
            self._follow(now, result)
        return result

    def _follow(self, job: Job, result: FieldsWritten) -> None:
        """Tasks are made by deliveries of their own, which the values are followed by."""
        record = "" if job.link is None else job.link.record
        for change in result.plan.changes:
            if change.key == TASK and change.outcome == "written":
                self.script.made("create_task", record, text=text_of(change))


def _looked_for(failure: Failure) -> str:
    """What would be found out anew, after a failure that says that it is gone."""
    gone = failure.gone if isinstance(failure, Permanent) else ""
    return gone if gone in {"record", "deal", "conversation"} else ""
