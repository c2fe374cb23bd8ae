"""An operator writes first: to whom, where, and what is said when nobody can be reached.

A CRM begins such a conversation itself, under an id of its own. Where we know the customer's
conversation but the CRM does not, the two are tied, so that the answer lands where the operator
wrote. One that the CRM knows already stays tied as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mappers.vocabulary import (
    Addressee,
    ConnectionId,
    ConversationId,
    DeliveryKind,
    OpenedConversation,
    OperatorReplied,
    Priority,
    Status,
)
from middleware.connections.model import Connected, Directory
from middleware.pipeline import rules
from middleware.pipeline.planning import News, Planner
from middleware.store.duties import Duty
from middleware.store.rows import ConversationRow, NewMessage, OpenedRow

NOBODY = "hub.nobody_to_write_to"


@dataclass(frozen=True, slots=True)
class WritesFirst:
    planner: Planner
    directory: Directory
    crm: Connected

    async def find(self, event: OperatorReplied, to: Addressee) -> ConversationRow | None:
        """Find where the customer can be written to, and tie the CRM's exchange to it."""
        unit = self.planner.unit
        found = [
            conversation
            for identity in to.identities
            for conversation in await unit.conversations_of(identity, self.crm.id)
        ]
        channels = {each.connection: await self.directory.get(each.connection) for each in found}
        chosen = whom_to_write(found, channels, to.source)
        if chosen is not None:
            await self._tie(chosen, channels[chosen.connection], event, to)
        return chosen

    async def _tie(
        self, chosen: ConversationRow, channel: Connected, event: OperatorReplied, to: Addressee
    ) -> None:
        unit = self.planner.unit
        if await unit.opened(chosen.id, self.crm.id) is not None:
            return
        link = None
        if chosen.contact is not None:
            link = await unit.link(chosen.contact, self.crm.id)
        counterpart = OpenedRow(
            opened=OpenedConversation(id=event.message.conversation, user=to.user),
            ours=f"{channel.provider}:{channel.account}:{chosen.external}",
            record=link.record if link is not None and link.live else "",
            opened_at=event.message.sent_at,
            begun_there=True,
        )
        await unit.set_opened(chosen.id, self.crm.id, counterpart)

    async def refuse(self, event: OperatorReplied, to: Addressee) -> str:
        """Keep what was typed in a person's hands, and tell the operator that it goes nowhere.

        It belongs to an exchange that only the CRM knows.
        """
        unit, message = self.planner.unit, event.message
        routes = await unit.routes_to(self.crm.id)
        if not routes:
            return "reply.of_unknown_conversation"
        exchange = await unit.conversation_for(self.crm.id, message.conversation, None)
        added = await unit.add_message(as_typed(self.crm, event, exchange.id, planned=True))
        if added is None:
            return "reply.known"
        channels = {route.source: await self.directory.get(route.source) for route in routes}
        asked = [key for key, each in channels.items() if source_id(each) == to.source]
        await unit.owe(
            Duty(
                workspace=self.crm.workspace,
                target=next(iter(asked), routes[0].source),
                lane=rules.conversation_lane(exchange.id),
                kind=DeliveryKind.SEND,
                subject=added,
                priority=Priority.REPLY,
                message=added,
                conversation=exchange.id,
                held=NOBODY,
            )
        )
        row, _ = await unit.reply(added)
        await unit.raise_status(added, Status.FAILED)
        await self.planner.report(row, News(status=Status.FAILED, code=NOBODY))
        return "reply.to_nobody"


def as_typed(
    crm: Connected, event: OperatorReplied, conversation: ConversationId, *, planned: bool
) -> NewMessage:
    """What an operator typed in the CRM, as it is kept; `planned` where nothing is left to plan."""
    return NewMessage(
        workspace=crm.workspace,
        connection=crm.id,
        conversation=conversation,
        message=event.message,
        planned=planned,
        operator=event.operator.id,
    )


def whom_to_write(
    found: Sequence[ConversationRow], channels: Mapping[ConnectionId, Connected], source: str
) -> ConversationRow | None:
    """Choose one of a customer's conversations, which come newest first.

    Before all an open one, and of those one of the source that was asked for.
    """
    return min(
        found,
        key=lambda each: (not each.reachable, source_id(channels[each.connection]) != source),
        default=None,
    )


def source_id(channel: Connected) -> str:
    return rules.source_of(channel.provider, channel.account)
