"""Gaps: times in which replies may have been missed, and the history that is owed for them."""

from dataclasses import replace

from mappers.vocabulary import (
    ConnectionId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.pipeline.rules import history_duty, needs_history_again
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.lanes import is_unmet, lane_at, latest, lock, owe
from middleware.simulation.twin.owed import Delivery, duty_key
from middleware.simulation.twin.schema import ConversationLink, Pulse
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import RESTORED, UNSURE
from middleware.store.rows import Gap, Silence


async def pulse(tx: Transaction) -> None:
    await tx.pulses.lock(1)
    last = tx.pulses.get(1) or Pulse(at=tx.now(), database=tx.identity())
    tx.pulses.put(replace(last, at=tx.now(), database=tx.identity()))


def silence(tx: Transaction) -> Silence | None:
    last = tx.pulses.get(1)
    if last is None:
        return None
    return Silence(since=last.at, now=tx.now(), is_restored=last.database != tx.identity())


async def distrust(tx: Transaction) -> None:
    """See `middleware.store.port.Store`."""
    await tx.pulses.lock(1)
    pulse = tx.pulses.get(1)
    if pulse is None:
        return
    tx.pulses.put(replace(pulse, restored_at=tx.now(), lost_since=pulse.at))
    owed = [each for each in tx.deliveries.find("unfinished", True) if _is_unsure(tx, each)]
    for each in owed:
        await tx.deliveries.change(
            duty_key(each.duty),
            state=DeliveryState.DOUBT,
            called_at=min(each.called_at or pulse.at, pulse.at),
            detail={**each.detail, RESTORED: True},
        )
    await lock(tx, [each.lane for each in owed])
    for each in owed:
        tx.lanes.put(replace(lane_at(tx, each.lane), due_at=tx.now()))


def _is_unsure(tx: Transaction, owed: Delivery) -> bool:
    about = owed.duty
    meets = about.kind in {DeliveryKind.ENSURE_CONTACT, DeliveryKind.OPEN_CONVERSATION}
    return is_unmet(tx, about) if meets else about.kind in UNSURE


async def fall_behind(tx: Transaction, gap: Gap) -> int:
    """Mark the conversations of these CRMs, open or opening, and owe each its history, once."""
    opening = {
        (there(each.duty.conversation, "conversation"), each.duty.target): each.id
        for connection in gap.connections
        for each in tx.deliveries.find("in_flight", connection)
        if each.duty.kind is DeliveryKind.OPEN_CONVERSATION
    }
    links = [
        link for each in gap.connections for link in tx.conversation_links.find("connection", each)
    ]
    keys = sorted({(link.conversation, link.connection) for link in links})
    await tx.conversation_links.lock(*keys)
    for key in keys:
        link = there(tx.conversation_links.get(key), "counterpart")
        tx.conversation_links.put(_behind(link, gap))
    everyone = sorted({*keys, *opening})
    for key in everyone:
        await _owe_history(tx, *key, opening.get(key))
    return len(everyone)


def _behind(link: ConversationLink, gap: Gap) -> ConversationLink:
    known = link.opened.behind_since
    earliest = gap.since if known is None else min(known, gap.since)
    opened = replace(
        link.opened,
        behind_since=max(earliest, link.opened.opened_at),
        asks=link.opened.asks or gap.asks,
    )
    return replace(link, opened=opened)


async def _owe_history(
    tx: Transaction,
    conversation: ConversationId,
    target: ConnectionId,
    after: DeliveryId | None,
) -> None:
    last = latest(tx, target, DeliveryKind.READ_HISTORY, conversation)
    if not needs_history_again(last.state if last else None):
        return
    row = there(tx.conversations.one("id", conversation), "conversation")
    duty = history_duty(row.workspace, target, conversation, row.contact)
    revision = 0 if last is None else last.revision + 1
    await owe(tx, replace(duty, revision=revision, after=after))
