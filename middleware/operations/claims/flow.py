"""The review queue: what is asked, and answering it in one transaction, on record."""

from uuid import UUID

from middleware.errors import Conflict
from middleware.hub import Hub
from middleware.operations.claims.store import claim_of, open_claims
from middleware.operations.model import Caller, Page, id_cursor, limited, page_of
from middleware.operations.people.flow import AT_ONCE, link_within
from middleware.operations.people.model import ClaimLine, Decided, How, Verdict
from middleware.operations.people.store import Change, in_change


class ClaimDecided(Conflict):
    """Somebody has answered this already."""

    code = "claim.decided"


async def find(hub: Hub, caller: Caller, *, cursor: str = "", limit: int = 50) -> Page[ClaimLine]:
    """List open claims, the oldest first. Raises: `BadRequest` for a foreign cursor."""
    size, shared_after = limited(limit), hub.settings.shared_after
    after = id_cursor(cursor)
    lines = await open_claims(hub.engine, caller.workspace, shared_after, after, size + 1)
    return page_of(lines, size, [line.id for line in lines])


async def decide(
    hub: Hub, caller: Caller, claim: UUID, verdict: Verdict, how: How = AT_ONCE
) -> Decided:
    """Answer a claim. The same person: the claimant is linked to the holder.

    Raises: `NotFound`; `ClaimDecided`; whatever `link` raises.
    """

    async def work(change: Change) -> Decided:
        at = await claim_of(change.at, caller.workspace, claim)
        if at.decision:
            raise ClaimDecided(f"It was decided already: {at.decision}.")
        join, is_ours = None, True
        if verdict is Verdict.SAME:
            join = await link_within(hub, change, at.holder, at.contact, how)
            now = await claim_of(change.at, caller.workspace, claim)
            is_ours = join.id is not None and now.decision == Verdict.SAME
        elif not how.preview:
            is_ours = await change.decide([claim], Verdict.DIFFERENT)
        if not how.preview:
            if not is_ours:
                raise ClaimDecided("Somebody else has decided it at this very moment.")
            await change.note(f"claim.{verdict}", claim, contact=str(at.contact))
        return Decided(claim=claim, verdict=verdict, preview=how.preview, join=join)

    decided, touched = await in_change(hub.engine, caller, work)
    hub.executor.wake(touched)
    return decided
