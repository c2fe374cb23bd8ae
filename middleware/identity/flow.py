"""Match or create: the one record and the one deal of a contact in one CRM.

Each of these is an attempt at one delivery, and the lane it stands in lets only one run at a
time. All calls but the creation itself can be repeated, so an attempt that ended in doubt is
settled by looking for the creation's key (`find_created_…`).
"""

from dataclasses import dataclass, replace

from crm_clients.contract import Crm, TagsDeals
from mappers.vocabulary import (
    Deal,
    DealDraft,
    Permanent,
    Person,
    ProviderError,
    Record,
    Transient,
)
from middleware.identity import rules
from middleware.identity.responsible import (
    OWNER,
    by_the_first_accepted,
    owner_of,
    to_be_named,
)
from middleware.pipeline.deals import Wish, as_seen, wish_of
from middleware.store.duties import Job
from middleware.store.rows import DealRow

LOOKS_FOR_A_DEAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEnsured:
    """`evidence` says why this record: a phrase of docs/explanation/identity.md."""

    record: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DealEnsured:
    """`deal` is None when the CRM was expected to open one and did not."""

    deal: DealRow | None
    evidence: str


def _person(job: Job) -> Person:
    if job.person is None:
        raise TypeError("a contact is needed to ensure its record")
    return job.person


async def ensure_contact(crm: Crm, job: Job) -> ContactEnsured:
    """Return the person's record: the linked one, its survivor, a verified match, or a new one.

    A linked one that was gone and is there again is the linked one. Raises: `ProviderError`.
    """
    person = _person(job)
    wanted = rules.draft(person, job.ours)
    linked = await crm.get_record(job.link.record) if job.link is not None else None
    if linked is not None and job.link is not None and (job.link.live or job.link.gone):
        return await _better_known(crm, job, linked)
    if job.link is not None and linked is None:
        survivor = await crm.find_survivor(job.link.record, job.peers)
        if survivor is not None:
            return ContactEnsured(record=survivor, evidence="crm.merged_into")
    if (found := await _match(crm, person)) is not None:
        record, evidence = found
        if (missing := rules.lacks(record, wanted)) is not None:
            await crm.add_to_record(record.id, missing)
        return ContactEnsured(record=record.id, evidence=evidence)

    async def create_for(user: str) -> str:
        return await crm.create_record(replace(wanted, responsible=user), key=job.key)

    created = await by_the_first_accepted(to_be_named(job.policy, job.contact), create_for)
    return ContactEnsured(record=created, evidence="hub.created")


async def _better_known(crm: Crm, job: Job, linked: Record) -> ContactEnsured:
    """We learned a phone: move from a record of our own making to the customer's real one.

    A record that somebody else made is never left: the newly learned is appended to it.
    """
    person = _person(job)
    evidence = job.link.evidence if job.link is not None else "hub.linked"
    if evidence == "hub.created":
        found = await _match(crm, person)
        if found is not None and found[0].id != linked.id and not found[0].marker:
            return ContactEnsured(record=found[0].id, evidence=found[1])
    if (missing := rules.lacks(linked, rules.draft(person, job.ours))) is not None:
        await crm.add_to_record(linked.id, missing)
    return ContactEnsured(record=linked.id, evidence=evidence)


async def _match(crm: Crm, person: Person) -> tuple[Record, str] | None:
    for identity in rules.searchable(person):
        record = rules.choose(await crm.find_records(identity), identity)
        if record is not None:
            return record, f"{identity.kind}.verified"
    return None


async def find_ensured_contact(crm: Crm, job: Job) -> ContactEnsured | None:
    """Look for the record that a call in doubt may have created."""
    record = await crm.find_created_record(job.key, job.called_at)
    return None if record is None else ContactEnsured(record=record, evidence="hub.created")


def _deal_draft(job: Job) -> DealDraft:
    if job.link is None or not job.link.live:
        raise ProviderError(Permanent(code="hub.no_record", gone="record"))
    title = _person(job).name or job.ours
    return DealDraft(
        record=job.link.record,
        title=title,
        pipeline=job.policy.pipeline,
        stage=job.policy.stage,
        tags=job.policy.tags,
    )


async def _users(crm: Crm, job: Job, record: str) -> tuple[str, ...]:
    owner = await owner_of(crm, record) if job.policy.responsible == OWNER else ""
    return to_be_named(job.policy, job.contact, owner)


async def ensure_deal(crm: Crm, job: Job) -> DealEnsured:
    """Return the deal that the route wants used; open one unless the CRM itself is to do that.

    Raises: `ProviderError`.
    """
    draft, wish = _deal_draft(job), wish_of(job)
    deals = await crm.find_deals(draft.record)
    seen = [as_seen(deal, job.deals, wish, draft.record) for deal in deals]
    if (used := wish.choose(seen)) is not None:
        is_ours = any(deal.id == used.deal and deal.marker == job.key for deal in deals)
        await _tag(crm, job, used, is_ours=is_ours)
        return DealEnsured(deal=used, evidence="hub.created" if is_ours else wish.evidence(used))
    if job.detail.get("adopt"):
        if job.failures < LOOKS_FOR_A_DEAL:
            raise ProviderError(Transient(code="crm.no_deal_yet"))
        return DealEnsured(deal=None, evidence="crm.opened_none")

    async def open_for(user: str) -> str:
        return await crm.create_deal(replace(draft, responsible=user), key=job.key)

    users = await _users(crm, job, draft.record)
    return _made(await by_the_first_accepted(users, open_for), draft, wish)


def _made(deal: str, draft: DealDraft, wish: Wish) -> DealEnsured:
    made = Deal(id=deal, state="open", title=draft.title, pipeline=draft.pipeline)
    return DealEnsured(deal=as_seen(made, (), wish, draft.record), evidence="hub.created")


async def _tag(crm: Crm, job: Job, deal: DealRow, *, is_ours: bool) -> None:
    """Tag a deal that is new to us and not of our making: once, so that people may untag it."""
    is_known = is_ours or any(each.deal == deal.deal for each in job.deals)
    if job.policy.tags and not is_known and isinstance(crm, TagsDeals):
        await crm.add_tags(deal.deal, job.policy.tags)


async def find_ensured_deal(crm: Crm, job: Job) -> DealEnsured | None:
    """Look for the deal that a call in doubt may have opened."""
    draft = _deal_draft(job)
    deal = await crm.find_created_deal(draft, job.key, job.called_at)
    return None if deal is None else _made(deal, draft, wish_of(job))
