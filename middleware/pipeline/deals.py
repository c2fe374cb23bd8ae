"""Which deal a customer's message belongs to, by what a route wants. Values in, value out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from mappers.vocabulary import ConnectionId, ContactId, Deal, DeliveryKind, Message
from middleware.store.duties import Job
from middleware.store.policy import Policy
from middleware.store.rows import DealRow

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CLOSED = frozenset({"won", "lost"})
ABOUT_DEALS = frozenset(
    {
        DeliveryKind.ENSURE_DEAL,
        DeliveryKind.OPEN_CONVERSATION,
        DeliveryKind.CREATE_TASK,
        DeliveryKind.WRITE_FIELDS,
        DeliveryKind.WRITE,
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
    }
)
_COMMAND = re.compile(r"/[A-Za-z0-9_]+(?:@\w+)?(?:\s+[A-Za-z0-9_-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a route wants of a deal for what is said on one channel now."""

    policy: Policy
    channel: ConnectionId | None
    now: datetime

    def goes_on(self, deal: DealRow) -> bool:
        """Say whether an exchange that another channel began goes on in this deal."""
        used_at = deal.used_at or LONG_AGO
        return deal.state == "open" and used_at > self.now - self.policy.thread_window

    def fits(self, deal: DealRow) -> bool:
        """Say whether the deal lies where the route wants it, and is this channel's to use."""
        is_ours = self.policy.deal_scope == "contact" or deal.source == self.channel
        return is_ours and self.policy.pipeline in ("", deal.pipeline)

    def rests(self, deal: DealRow) -> bool:
        """Say whether the deal was closed so lately that it is still used."""
        closed_at = deal.closed_at or LONG_AGO
        return deal.state in CLOSED and closed_at > self.now - self.policy.deal_rest

    def choose(self, deals: Iterable[DealRow]) -> DealRow | None:
        """Choose the deal in use: an exchange goes on first, then what is open, then what rests.

        Of several the first one is taken.
        """
        known = tuple(deals)
        fitting = [deal for deal in known if self.fits(deal)]
        found = (
            *(deal for deal in known if self.policy.thread_window and self.goes_on(deal)),
            *(deal for deal in fitting if deal.state == "open"),
            *(deal for deal in fitting if self.policy.deal_rest and self.rests(deal)),
        )
        return next(iter(found), None)

    def evidence(self, deal: DealRow) -> str:
        """Say why this deal, in a phrase of docs/explanation/identity.md."""
        if deal.state != "open":
            return "crm.resting_deal"
        return "crm.open_deal" if self.fits(deal) else "hub.same_exchange"


def wish_of(job: Job) -> Wish:
    channel = job.conversation.connection if job.conversation is not None else None
    return Wish(policy=job.policy, channel=channel, now=job.taken_at)


def used_by(job: Job) -> DealRow | None:
    """The deal that a delivery is about, as far as we know."""
    return wish_of(job).choose(job.deals)


def deal_with(job: Job, record: str) -> str:
    """The deal in use, unless it belongs to another record than this; empty when there is none."""
    used = used_by(job)
    return used.deal if used is not None and used.record == record else ""


def as_seen(deal: Deal, known: Iterable[DealRow], wish: Wish, record: str) -> DealRow:
    """Put what the CRM shows of a deal together with what we know of it.

    One that no channel has used yet is this channel's to use.
    """
    was = next((row for row in known if row.deal == deal.id), None)
    closed_at = deal.closed_at or (was.closed_at if was is not None else None)
    return DealRow(
        deal=deal.id,
        record=record,
        state=deal.state,
        seen_at=wish.now,
        pipeline=deal.pipeline,
        source=(was.source if was is not None else None) or wish.channel,
        closed_at=closed_at if deal.state in CLOSED else None,
        used_at=was.used_at if was is not None else None,
    )


def opens_deal(policy: Policy, said: Message) -> bool:
    """Say whether a message may open a deal: any may, or only one with words of a person."""
    if policy.deal_on == "message":
        return True
    words = said.text.strip()
    return bool(words) and not said.automatic and not _COMMAND.fullmatch(words)


def subject_of(policy: Policy, contact: ContactId, channel: ConnectionId) -> UUID:
    """What a deal is ensured for: a customer, or a customer on one channel."""
    return contact if policy.deal_scope == "contact" else uuid5(contact, str(channel))


def is_quiet(policy: Policy, deals: Iterable[DealRow], wish: Wish) -> bool:
    """Keep the CRM's own deal mechanism from acting where the route wants no new deal."""
    if policy.deal_policy == "never":
        return True
    used = wish.choose(deals) if policy.deal_rest else None
    return used is not None and used.state != "open"
