"""Gaps: times in which replies may have been missed, and the history that is owed for them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mappers.vocabulary import SETTLED, ConnectionId, ConversationId, DeliveryKind, Priority
from middleware.pipeline.rules import history_lane
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.lanes import latest, owe
from middleware.simulation.twin.schema import ConversationLink
from middleware.simulation.twin.transactions import Transaction
from middleware.store.port import Duty


async def fall_behind(tx: Transaction, connections: Sequence[ConnectionId], since: datetime) -> int:
    links = [
        link for each in connections for link in tx.conversation_links.find("connection", each)
    ]
    keys = sorted({(link.conversation, link.connection) for link in links})
    await tx.conversation_links.lock(*keys)
    for key in keys:
        link = there(tx.conversation_links.get(key), "counterpart")
        tx.conversation_links.put(_behind(link, since))
        await _owe_history(tx, *key)
    return len(keys)


def _behind(link: ConversationLink, since: datetime) -> ConversationLink:
    known = link.opened.behind_since
    earliest = since if known is None else min(known, since)
    behind = max(earliest, link.opened.opened_at)
    return replace(link, opened=replace(link.opened, behind_since=behind))


async def _owe_history(tx: Transaction, conversation: ConversationId, target: ConnectionId) -> None:
    last = latest(tx, target, DeliveryKind.READ_HISTORY, conversation)
    if last is not None and last.state not in SETTLED:
        return
    row = there(tx.conversations.one("id", conversation), "conversation")
    await owe(
        tx,
        Duty(
            workspace=row.workspace,
            target=target,
            lane=history_lane(conversation),
            kind=DeliveryKind.READ_HISTORY,
            subject=conversation,
            priority=Priority.BACKFILL,
            revision=0 if last is None else last.revision + 1,
            conversation=conversation,
            contact=row.contact,
        ),
    )
