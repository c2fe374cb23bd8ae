"""Writing the values of one message: read the cards, compare, write what differs. Repeatable."""

from dataclasses import dataclass
from typing import Self

from crm_clients.contract import HoldsFields
from mappers.mapping.document import read_document
from mappers.mapping.model import Document, Facts
from mappers.vocabulary import Catalogue, Permanent, ProviderError
from middleware.connections.model import ConnectedCrm
from middleware.fields import rules
from middleware.fields.ability import Fillable
from middleware.fields.catalogues import Catalogues
from middleware.fields.rules import Plan
from middleware.registry import manifest_of
from middleware.store.duties import Job


@dataclass(frozen=True, slots=True)
class FieldsWritten:
    """What was decided, and done as far as the account has the places."""

    plan: Plan


async def write_fields(
    crm: Fillable, job: Job, to: ConnectedCrm, known: Catalogues
) -> FieldsWritten:
    """Write what the message's mapping says.

    The catalogue is read anew when a target is not found in it, and when the CRM refuses a value
    that it allows. Raises: `ProviderError`.
    """
    if job.link is None or not job.link.live:
        raise ProviderError(Permanent(code="hub.no_record", gone="record"))
    filling = Filling.of(crm, job, to)
    catalogue = await known.of(to.id, crm)
    plan = await filling.planned(catalogue)
    if plan.missing:
        newer = await known.again(to.id, crm, catalogue, plan.missing, asked="asked" in job.detail)
        if newer is not catalogue:
            catalogue, plan = newer, await filling.planned(newer)
    try:
        await filling.write(plan, catalogue)
    except ProviderError as refused:
        if not isinstance(refused.failure, Permanent) or refused.failure.gone:
            raise
        newer = await known.again(to.id, crm, catalogue)
        changed = await filling.planned(newer)
        if (changed.values, newer) == (plan.values, catalogue):
            raise
        plan = changed
        await filling.write(plan, newer)
    return FieldsWritten(plan)


async def text_of_task(crm: Fillable, job: Job, to: ConnectedCrm, known: Catalogues) -> str:
    """Say what the task of the rule in the delivery's detail says. Raises: `ProviderError`."""
    filling = Filling.of(crm, job, to)
    catalogue = await known.of(to.id, crm)
    return rules.task_text(job, filling.facts, filling.document, catalogue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """One delivery's document and facts, against whatever the cards hold."""

    crm: HoldsFields
    job: Job
    document: Document
    facts: Facts

    @classmethod
    def of(cls, crm: HoldsFields, job: Job, to: ConnectedCrm) -> Self:
        """Raises: `ProviderError` when the words or the person were erased."""
        mapped = rules.mapped_of(job)
        channel = manifest_of(mapped.provider).title
        return cls(
            crm=crm,
            job=job,
            document=read_document(mapped.document),
            facts=rules.facts_for(job, channel=channel, crm=to.title),
        )

    @property
    def _cards(self) -> tuple[str, str]:
        record = "" if self.job.link is None else self.job.link.record
        return record, rules.deal_of(self.job)

    async def planned(self, catalogue: Catalogue) -> Plan:
        """Read the cards and decide. Raises: `ProviderError`."""
        keys = rules.keys_of(self.document, catalogue)
        current = await self.crm.read_fields(*self._cards, keys, catalogue)
        return rules.changes(self.job, self.facts, current, self.document, catalogue)

    async def write(self, plan: Plan, catalogue: Catalogue) -> None:
        """Raises: `ProviderError`."""
        if plan.values:
            await self.crm.write_fields(*self._cards, plan.values, catalogue)
