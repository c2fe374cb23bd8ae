"""Rehearsing a replay: what it would do is found out at the provider, and nothing is written."""

from dataclasses import dataclass, replace

from mappers.vocabulary import DeliveryId, DeliveryState, Permanent, ProviderError
from middleware.connections.flow import ProviderRefused
from middleware.connections.model import Connected
from middleware.http.gateway import without_lease
from middleware.hub import Hub
from middleware.operations.access.store import AccessStore
from middleware.operations.accounts.flow import own
from middleware.operations.deliveries.flow import NotReplayable
from middleware.operations.deliveries.model import DeliveryLine, Mapped, Standing
from middleware.operations.deliveries.rules import why_not_replay
from middleware.operations.deliveries.store import DeliveryStore
from middleware.operations.model import Caller
from middleware.operations.rehearsals.model import Preview
from middleware.operations.rehearsals.store import RehearsalStore
from middleware.operations.rules import masked_effect
from middleware.outbox.effects import Rehearsed
from middleware.outbox.rehearsal import rehearse


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How to look: `again` at what is settled already, too; `raw` shows customers' words."""

    again: bool = False
    raw: bool = False
    mapping: Mapped = Mapped.ORIGINAL


async def preview(hub: Hub, caller: Caller, delivery: DeliveryId, look: Look) -> Preview:
    """Say what a replay would do. Values are hidden unless `raw`; then it is on record who saw.

    Raises: `NotFound`; `NotReplayable`, as the replay would; `ProviderRefused`.
    """
    line = await DeliveryStore(hub.engine, caller.workspace).one(delivery)
    standing = await RehearsalStore(hub.engine).standing(delivery)
    if why := why_not_replay(standing, again=look.again):
        raise NotReplayable(why)
    to = hub.directory.build(await own(hub, caller, line.target), without_lease)
    shown = _previewed(line, standing, await _rehearsed(hub, to, delivery, look.mapping))
    if not look.raw:
        return replace(shown, effects=tuple(map(masked_effect, shown.effects)))
    await AccessStore(hub.engine).note(caller, "replay.previewed_in_clear", str(delivery))
    return shown


async def _rehearsed(hub: Hub, to: Connected, delivery: DeliveryId, mapping: Mapped) -> Rehearsed:
    store = RehearsalStore(hub.engine)
    job, *then = await store.jobs(delivery, *await store.followers(delivery))
    job = replace(job, detail={**job.detail, "asked": ""})  # as a replay leaves it
    if mapping is Mapped.CURRENT:
        job = await store.mapped_anew(job)
    try:
        return await rehearse(job, to, hub.hands.tools.means, then)
    except ProviderError as error:
        if isinstance(error.failure, Permanent):
            return Rehearsed(why=f"it would be refused ({error.failure.code})")
        raise ProviderRefused(
            f"“{to.title}” did not tell what it holds ({error.failure.code})."
        ) from error


def _previewed(line: DeliveryLine, standing: Standing, found: Rehearsed) -> Preview:
    waits = line.after_state not in {None, DeliveryState.DONE} and not standing.must_look_again
    return Preview(
        delivery=line.id,
        kind=line.kind,
        title=line.title,
        effects=found.effects,
        why=found.why,
        after=line.after if waits else None,
        after_state=line.after_state if waits else None,
    )
