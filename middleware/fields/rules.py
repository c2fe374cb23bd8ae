"""What a mapping makes of one delivery: facts, places to read, changes. Values in, values out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from mappers.mapping.engine import NEEDLESS, apply
from mappers.mapping.facts import Told, facts_of
from mappers.mapping.lint import is_writable
from mappers.mapping.model import Change, Current, Document, Facts
from mappers.mapping.targets import places_of
from mappers.phones import e164
from mappers.vocabulary import (
    Catalogue,
    Confidence,
    ContactId,
    Identity,
    IdentityKind,
    MessageId,
    Permanent,
    ProviderError,
)
from middleware.pipeline.deals import used_by
from middleware.store.duties import Job, MappedRow

TASK = "task"
MAPPED = "hub.mapped"
KINDS: Mapping[str, IdentityKind] = {"phone": IdentityKind.PHONE, "email": IdentityKind.EMAIL}
ON_DEAL = frozenset({"pipeline", "stage", "tags"})
Values = Mapping[str, tuple[str, ...]]


def fields_lane(contact: ContactId) -> str:
    """Values of one person's cards are written in order, and hold up no message."""
    return f"fields:{contact}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a document does with one message.

    `missing` are targets that the account does not have, or not as the document means them.
    `hints` are ways to reach somebody that the mapping found in what was said.
    """

    changes: tuple[Change, ...]
    missing: tuple[str, ...] = ()
    values: Values = field(default_factory=dict, repr=False)
    hints: tuple[Identity, ...] = field(default=(), repr=False)

    @property
    def tasks(self) -> tuple[int, ...]:
        """The rules that make a task, counted from 1."""
        return tuple(c.rule for c in self.changes if c.key == TASK and c.outcome == "written")


def mapped_of(job: Job) -> MappedRow:
    if job.mapped is None:
        raise TypeError("a delivery of fields is planned with a mapping")
    return job.mapped


def deal_of(job: Job) -> str:
    """The deal whose card is filled; empty when none is in use."""
    used = used_by(job)
    return "" if used is None else used.deal


def facts_for(job: Job, *, channel: str, crm: str) -> Facts:
    """Name everything that is known; `channel` and `crm` are what people call them.

    Raises: `ProviderError` when the words or the person were erased.
    """
    if job.message is None:
        raise ProviderError(Permanent(code="hub.message_erased"))
    if job.person is None:
        raise ProviderError(Permanent(code="hub.contact_erased"))
    mapped = mapped_of(job)
    told = Told(
        provider=mapped.provider,
        channel=channel,
        connection=mapped.title,
        account=mapped.account,
        crm=crm,
        message=job.message,
        person=job.person,
        is_new=bool(job.detail.get("new")),
        pipeline=job.policy.pipeline,
        stage=job.policy.stage,
    )
    return facts_of(told)


def keys_of(document: Document, catalogue: Catalogue) -> frozenset[str]:
    """The places that have to be read before a document can be applied."""
    places = [places_of(rule.target, catalogue) for rule in document.rules]
    keys = {each[0].key for each in places if len(each) == 1 and each[0].kind != "other"}
    return frozenset(keys - {TASK} | ({"pipeline"} if "stage" in keys else set()))


def task_lane(message: MessageId) -> str:
    return f"tasks:{message}"


def task_text(job: Job, facts: Facts, document: Document, catalogue: Catalogue) -> str:
    """The text of the task that the rule in the delivery's detail makes; empty when it is none.

    It is made of the message again each time, so that no customer's words lie in a delivery.
    """
    decided = apply(document, facts, Current(), catalogue)
    rule = int(job.detail["rule"])
    return next((text_of(each) for each in decided if (each.rule, each.key) == (rule, TASK)), "")


def is_on_deal(key: str) -> bool:
    return key in ON_DEAL or key.startswith("deal:")


def changes(
    job: Job, facts: Facts, current: Values, document: Document, catalogue: Catalogue
) -> Plan:
    """Decide what to write where, given what the cards hold now."""
    held = Current(values=current, written=mapped_of(job).written)
    decided = [_possible(each, job) for each in apply(document, facts, held, catalogue)]
    missing = (
        each.target
        for each in decided
        if each.outcome == "no_such" and not is_writable(document, each.rule, catalogue)
    )
    written = {c.key: c.after for c in decided if c.outcome == "written" and c.key != TASK}
    return Plan(
        changes=tuple(decided),
        missing=tuple(dict.fromkeys(missing)),
        values=written,
        hints=tuple(_hints(decided, job, catalogue)),
    )


def _hints(decided: Collection[Change], job: Job, catalogue: Catalogue) -> Iterator[Identity]:
    """Phones and e-mails that the mapping found: they may be somebody's whom we know."""
    theirs = {each.value for each in job.person.identities} if job.person is not None else set()
    for change in decided:
        places = places_of(change.target, catalogue)
        kind = KINDS.get(places[0].sort) if places and change.outcome == "written" else None
        for value in change.after if kind is not None else ():
            spelt = e164(value) if kind is IdentityKind.PHONE else value.strip().lower()
            if kind and spelt and spelt not in theirs and value not in change.before:
                yield Identity(kind=kind, value=spelt, evidence=MAPPED, confidence=Confidence.WEAK)


def _possible(change: Change, job: Job) -> Change:
    """Pass over what needs a deal when there is none, and a task that was made before."""
    if change.outcome != "written":
        return change
    if is_on_deal(change.key) and not deal_of(job):
        return _passed_over(change, "no_deal")
    if change.key == TASK and mark_of(text_of(change)) in mapped_of(job).written:
        return _passed_over(change, "once")
    return change


def _passed_over(change: Change, outcome: Any) -> Change:
    return replace(change, outcome=outcome, after=change.before, why=NEEDLESS[outcome])


def text_of(change: Change) -> str:
    """The text of the task that a rule makes: what it adds to the tasks before it."""
    return "\n".join(each for each in change.after if each not in change.before)


def mark_of(text: str) -> str:
    """Under which key it is remembered that a task of this text was made."""
    return f"{TASK}:{sha256(text.encode()).hexdigest()[:24]}"


def filled(job: Job, decided: Collection[Change]) -> Mapping[str, frozenset[str]]:
    """What is to be remembered as filled by a mapping, by card.

    A place that holds already what it was to hold is one, too: an answer may have been lost.
    """
    record = "" if job.link is None else job.link.record
    found: dict[str, set[str]] = {}
    for each in decided:
        if each.outcome not in {"written", "same"} or not each.after:
            continue
        key = mark_of(text_of(each)) if each.key == TASK else each.key
        deal = deal_of(job)
        card = f"contact:{record}" if key.startswith("contact:") or not deal else f"deal:{deal}"
        found.setdefault(card, set()).add(key)
    known = mapped_of(job).written
    return {card: frozenset(keys - known) for card, keys in found.items() if keys - known}


def told(plan: Plan) -> list[list[Any]]:
    """How a delivery keeps what was done: rules with their targets and outcomes, no values."""
    return [[each.rule, each.target, each.outcome] for each in plan.changes]
