"""Rehearsing a delivery: the steps that would be taken, on stand-ins, with what each would change.

Nothing is written at a provider and nothing is recorded. What the CRM lacks is rehearsed first, as
it would be owed before the delivery; what is gone from there is found out anew, as it would be.
"""

from dataclasses import dataclass, replace

from mappers.vocabulary import DeliveryKind, Failure, Permanent, ProviderError
from middleware.connections.model import Connected, ConnectedCrm
from middleware.identity.flow import ContactEnsured
from middleware.outbox.effects import Rehearsed, Script
from middleware.outbox.perform import ConversationOpened, Means, Nothing, Result, perform
from middleware.outbox.rules import MOST_LOOKS
from middleware.outbox.stand_ins import rehearsed
from middleware.pipeline.rules import Known, needs
from middleware.store.rows import DealRow, Job, LinkRow, OpenedRow

ONLY_READ = frozenset({DeliveryKind.FETCH_FILE, DeliveryKind.READ_HISTORY})


async def rehearse(job: Job, to: Connected, means: Means, deal: DealRow | None) -> Rehearsed:
    """Say what doing it would do; `deal` is the one that we believe open.

    Raises: `ProviderError` where the provider cannot be asked, or refuses to tell.
    """
    if job.kind in ONLY_READ:
        return Rehearsed(why="it only reads")
    script = Script()
    result = await _Rehearsal(rehearsed(to, script), script, means, deal).act(job)
    return Rehearsed(tuple(script), result.why if isinstance(result, Nothing) else "")


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """One delivery's. `stage` is its connection, written to by nobody."""

    stage: Connected
    script: Script
    means: Means
    deal: DealRow | None

    async def act(self, job: Job, looks: int = 0) -> Result:
        """Do it on the stage, after what it needs.

        On a dry route nothing was owed before it; elsewhere, only what turns out to be gone is.
        """
        self.script.begin()
        try:
            is_owed_more = job.policy.dry_run or looks
            ready = await self._prepared(job) if is_owed_more else job
            return await perform(ready, self.stage, self.means)
        except ProviderError as error:
            gone = _looked_for(error.failure)
            if not gone or looks >= MOST_LOOKS or not isinstance(self.stage, ConnectedCrm):
                raise
        return await self.act(_forgetting(job, gone), looks + 1)

    async def _prepared(self, job: Job) -> Job:
        if not isinstance(self.stage, ConnectedCrm):
            return job
        live = replace(job.policy, dry_run=False)
        known = Known(link=job.link, deal=self.deal, opened=job.opened)
        for kind in needs(live, known, job.taken_at).before(job.kind):
            job = await self._after(kind, job)
        return job

    async def _after(self, kind: DeliveryKind, job: Job) -> Job:
        """Do one thing first; return the job as it would stand then."""
        step = replace(job, kind=kind, message=None, message_id=None, part=0, detail={})
        match await perform(step, self.stage, self.means):
            case ContactEnsured(record=record, evidence=evidence):
                return replace(job, link=LinkRow(record=record, live=True, evidence=evidence))
            case ConversationOpened(opened=opened, record=record):
                at = OpenedRow(opened=opened, ours=job.ours, record=record, opened_at=job.taken_at)
                return replace(job, opened=at)
            case _:
                return job


def _looked_for(failure: Failure) -> str:
    """What would be found out anew, after a failure that says that it is gone."""
    gone = failure.gone if isinstance(failure, Permanent) else ""
    return gone if gone in {"record", "deal", "conversation"} else ""


def _forgetting(job: Job, gone: str) -> Job:
    if gone != "record" or job.link is None:
        return job
    return replace(job, link=replace(job.link, live=False))
