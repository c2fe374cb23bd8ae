"""What a CRM knows: records of contacts, counterparts of conversations, deals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mappers.text import clean
from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryKind,
    Operator,
)
from middleware.pipeline.deals import CLOSED
from middleware.pipeline.rules import is_newest_history
from middleware.simulation.twin.chapter import Chapter
from middleware.simulation.twin.lanes import latest
from middleware.simulation.twin.schema import (
    ContactLink,
    ConversationLink,
    KnownDeal,
    KnownOperator,
)
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import DealRow, LinkRow, OpenedRow


class UniqueViolation(Exception):
    """Two conversations claim one counterpart. The port has no answer to that: it is a bug."""


class CrmSide(Chapter):
    async def link(self, contact: ContactId, target: ConnectionId) -> LinkRow | None:
        tx = await self._turn()
        known = tx.contact_links.get((contact, target))
        return None if known is None else known.link

    async def set_link(
        self, contact: ContactId, target: ConnectionId, record: str, evidence: str
    ) -> None:
        tx = await self._turn()
        await tx.contact_links.lock((contact, target))
        link = LinkRow(record=record, live=True, evidence=evidence)
        tx.contact_links.put(ContactLink(contact=contact, connection=target, link=link))

    async def drop_links(self, target: ConnectionId, record: str) -> int:
        tx = await self._turn()
        found = tx.contact_links.find("record", (target, record))
        await tx.contact_links.lock(*((each.contact, each.connection) for each in found))
        dropped = 0
        for each in found:
            known = tx.contact_links.get((each.contact, each.connection))
            if known is not None and known.link.live and known.link.record == record:
                tx.contact_links.put(
                    replace(known, link=replace(known.link, live=False, gone=True))
                )
                dropped += 1
        return dropped

    async def opened(
        self, conversation: ConversationId, target: ConnectionId, *, held: bool = False
    ) -> OpenedRow | None:
        tx = await self._turn()
        if held:
            await tx.conversation_links.lock((conversation, target))
        known = tx.conversation_links.get((conversation, target))
        return None if known is None else known.opened

    async def set_opened(
        self, conversation: ConversationId, target: ConnectionId, counterpart: OpenedRow
    ) -> None:
        tx = await self._turn()
        key = (conversation, target)
        await tx.conversation_links.lock(key)
        known = tx.conversation_links.get(key)
        if known is None:
            counterpart = replace(counterpart, asks=False)
        else:
            opened, record = counterpart.opened, counterpart.record
            begun = known.opened.begun_there and counterpart.begun_there
            counterpart = replace(known.opened, opened=opened, record=record, begun_there=begun)
        for index, value in (("external", counterpart.opened.id), ("ours", counterpart.ours)):
            await tx.lock(("conversation_links", index, target, value))
            other = tx.conversation_links.one(index, (target, value))
            if other is not None and other.conversation != conversation:
                raise UniqueViolation(f"{index} of {conversation} is taken")
        link = ConversationLink(conversation=conversation, connection=target, opened=counterpart)
        tx.conversation_links.put(link)

    async def caught_up(
        self, conversation: ConversationId, target: ConnectionId, revision: int
    ) -> bool:
        tx = await self._turn()
        await tx.conversation_links.lock((conversation, target))
        last = latest(tx, target, DeliveryKind.READ_HISTORY, conversation)
        if not is_newest_history(revision, last):
            return False
        known = tx.conversation_links.get((conversation, target))
        if known is not None:
            opened = replace(known.opened, behind_since=None, asks=False)
            tx.conversation_links.put(replace(known, opened=opened))
        return True

    async def know_operators(self, target: ConnectionId, operators: Sequence[Operator]) -> None:
        tx = await self._turn()
        named = {clean(each.id): clean(each.name) for each in operators if each.id and each.name}
        for operator, name in sorted(named.items()):
            await tx.operators.lock((target, operator))
            tx.operators.put(KnownOperator(connection=target, id=operator, name=name))

    async def operator_name(self, target: ConnectionId, operator: str) -> str:
        tx = await self._turn()
        known = tx.operators.get((target, clean(operator)))
        return "" if known is None else known.name

    async def deals(self, contact: ContactId, target: ConnectionId) -> tuple[DealRow, ...]:
        return deals_of(await self._turn(), contact, target)

    async def save_deal(
        self, contact: ContactId, target: ConnectionId, seen: DealRow, evidence: str
    ) -> None:
        tx = await self._turn()
        await tx.deals.lock((target, seen.deal))
        was = tx.deals.get((target, seen.deal))
        seen = replace(
            seen,
            seen_at=tx.now(),
            used_at=tx.now(),
            source=(was.deal.source if was else None) or seen.source,
            closed_at=_closed_at(tx, seen.state, seen.closed_at, was),
        )
        evidence = was.evidence if was else evidence
        known = KnownDeal(connection=target, contact=contact, deal=seen, evidence=evidence)
        tx.deals.put(known)

    async def use_deal(self, target: ConnectionId, deal: str) -> None:
        tx = await self._turn()
        await tx.deals.lock((target, deal))
        if (known := tx.deals.get((target, deal))) is not None:
            tx.deals.put(replace(known, deal=replace(known.deal, used_at=tx.now())))

    async def set_deal_state(
        self, target: ConnectionId, deal: str, state: str, pipeline: str
    ) -> None:
        tx = await self._turn()
        await tx.deals.lock((target, deal))
        if (known := tx.deals.get((target, deal))) is not None:
            seen_at = tx.now()
            if state == "open":
                seen_at = min(known.deal.seen_at, seen_at - timedelta(days=1))
            seen = replace(
                known.deal,
                state=state,
                seen_at=seen_at,
                pipeline=pipeline or known.deal.pipeline,
                closed_at=_closed_at(tx, state, None, known),
            )
            tx.deals.put(replace(known, deal=seen))


def deals_of(tx: Transaction, contact: ContactId, target: ConnectionId) -> tuple[DealRow, ...]:
    """Every deal of a contact that is not deleted, the newest first seen."""
    found = [each.deal for each in tx.deals.find("contact", (contact, target))]
    living = [deal for deal in found if deal.state != "deleted"]
    return tuple(sorted(living, key=lambda deal: (deal.seen_at, deal.deal), reverse=True))


def _closed_at(
    tx: Transaction, state: str, told: datetime | None, was: KnownDeal | None
) -> datetime | None:
    if state not in CLOSED:
        return None
    return told or (was.deal.closed_at if was else None) or tx.now()
