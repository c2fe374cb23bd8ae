"""What mappings are applied with, and what they have filled."""

from collections.abc import Collection

from mappers.vocabulary import ConnectionId
from middleware.simulation.twin.chapter import Chapter, there
from middleware.simulation.twin.owed import Delivery
from middleware.simulation.twin.schema import FilledPlace
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import MappedRow
from middleware.store.rows import ConversationRow, DealRow, LinkRow, cards_of, pinned_in


class Fields(Chapter):
    async def remember_filled(self, target: ConnectionId, card: str, keys: Collection[str]) -> None:
        tx = await self._turn()
        for key in sorted(keys):
            await tx.filled_places.insert(FilledPlace(connection=target, card=card, key=key))


def mapped(
    tx: Transaction,
    delivery: Delivery,
    deal: DealRow | None,
    link: LinkRow | None,
    conversation: ConversationRow | None,
) -> MappedRow | None:
    """What a delivery that was planned with a mapping is applied with."""
    pinned = pinned_in(delivery.detail)
    if pinned is None:
        return None
    version = there(tx.mapping_versions.get((pinned.mapping, pinned.version)), "version")
    target = delivery.duty.target
    cards = cards_of("" if link is None else link.record, "" if deal is None else deal.deal)
    channel = None if conversation is None else tx.connections.get(conversation.connection)
    return MappedRow(
        name=version.name,
        document=version.document,
        written=frozenset(
            each.key for card in cards for each in tx.filled_places.find("card", (target, card))
        ),
        provider="" if channel is None else channel.provider,
        account="" if channel is None else channel.account,
        title="" if channel is None else channel.title,
    )
