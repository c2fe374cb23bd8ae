"""Many messages of different cards in one call: each is judged for itself.

Each input is traced by a word of ours. That makes HubSpot do what it can and tell what it could
not, and it tells results apart; nothing more: the same word twice makes two things. Where it
refuses a call as a whole, nothing of it was done, and the call is made again in halves: what is
wrong with one message holds up no others.

Source: developers.hubspot.com/docs/api-reference/error-handling (multi-status errors).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_clients.hubspot.engagements import Engagements
from crm_clients.hubspot.markers import MARKER
from crm_clients.hubspot.objects import MOST_READ
from crm_clients.hubspot.rest import garbled, invalid, only_of
from crm_clients.hubspot.timeline import Draft
from crm_clients.hubspot.versions import OBJECTS, path
from crm_clients.hubspot.wire import Batch, BatchError, CrmObject
from crm_clients.on_cards import mark_of
from mappers.vocabulary import Entry, Failure, Permanent, ProviderError, RateLimited, Receipt

MOST = MOST_READ
TRACE = "objectWriteTraceId"
OF_PACE = frozenset({"RATE_LIMITS", "RATE_LIMIT"})


@dataclass(frozen=True, slots=True)
class Bulk:
    engagements: Engagements

    def may_join(self, entry: Entry) -> bool:
        """A file is sent first, and words that are quoted by their name alone are asked for."""
        is_quoted = bool(entry.quoted) and not (entry.message.quote and entry.message.quote.text)
        return entry.file is None and not is_quoted

    async def write(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        """Raises: `ProviderError` when the call as a whole was refused or is in doubt."""
        drafts = [await self.engagements.draft(entry) for entry in entries]
        return tuple(await self._written(drafts))

    async def _written(self, drafts: Sequence[Draft]) -> list[Receipt | Failure]:
        try:
            batch = await self._make(drafts)
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            return await self._in_halves(drafts)
        untraced = [each for each in batch.errors if not each.traces]
        lost = [draft for draft in drafts if self._is_lost(draft, batch)]
        were_refused = len(untraced) == len(lost)
        return [
            await self._alone(draft)
            if draft in lost and were_refused
            else await self._judged(draft, batch)
            for draft in drafts
        ]

    async def _make(self, drafts: Sequence[Draft]) -> Batch:
        kind, timeline = self.engagements.kind, self.engagements.timeline
        is_marked = timeline.is_marked(kind)
        asked = [{**timeline.asked(kind, each), TRACE: trace_of(each.key)} for each in drafts]
        where = path(OBJECTS, kind.name, "batch", "create")
        label = f"{kind.name}.create_many"
        reply = await timeline.rest.post(where, label, {"inputs": asked}, repeatable=is_marked)
        return only_of(Batch, reply.value(), repeatable=is_marked)

    def _is_lost(self, draft: Draft, batch: Batch) -> bool:
        """Nothing tells what became of it: where as many refusals are untraced, it is theirs."""
        return self._made(draft, batch) is None and _refusal(draft, batch) is None

    async def _judged(self, draft: Draft, batch: Batch) -> Receipt | Failure:
        found, refusal = self._made(draft, batch), _refusal(draft, batch)
        if found is not None:
            return self.engagements.receipt(found.id)
        if refusal is None:
            return garbled(repeatable=self.engagements.timeline.is_marked(self.engagements.kind))
        if refusal.category in OF_PACE:
            return RateLimited(code="hubspot.too_fast")
        failure = invalid(refusal.model_dump(), "", refusal.message)
        return await self._sharpened(failure, draft)

    def _made(self, draft: Draft, batch: Batch) -> CrmObject | None:
        return next((each for each in batch.results if self._is_of(draft, each)), None)

    def _is_of(self, draft: Draft, made: CrmObject) -> bool:
        """A result may be traced by nothing but what it says."""
        is_traced = made.trace == trace_of(draft.key) or made.of(MARKER) == draft.key
        return is_traced or mark_of(draft.key) in made.of(self.engagements.kind.words)

    async def _sharpened(self, refused: Permanent, draft: Draft) -> Receipt | Failure:
        """A message that was refused may be there from an earlier call, or its card be gone."""
        timeline, kind = self.engagements.timeline, self.engagements.kind
        try:
            there = await timeline.of_key(kind, draft.key) if timeline.is_marked(kind) else None
            if there is not None:
                return self.engagements.receipt(there.id)
            return await timeline.why(refused, draft.about)
        except ProviderError as unknown:
            return unknown.failure

    async def _in_halves(self, drafts: Sequence[Draft]) -> list[Receipt | Failure]:
        """From here on a failure is of those that it befell: others may be written already."""
        if len(drafts) == 1:
            return [await self._alone(drafts[0])]
        half = len(drafts) // 2
        answers: list[Receipt | Failure] = []
        for part in (drafts[:half], drafts[half:]):
            try:
                answers += await self._written(part)
            except ProviderError as refused:
                answers += [refused.failure] * len(part)
        return answers

    async def _alone(self, draft: Draft) -> Receipt | Failure:
        try:
            made = await self.engagements.timeline.make(self.engagements.kind, draft)
        except ProviderError as refused:
            return refused.failure
        return self.engagements.receipt(made)


def _refusal(draft: Draft, batch: Batch) -> BatchError | None:
    trace = trace_of(draft.key)
    return next((each for each in batch.errors if trace in each.traces), None)


def trace_of(key: str) -> str:
    return mark_of(key).removeprefix("#")
