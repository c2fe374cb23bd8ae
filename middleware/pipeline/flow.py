"""Intake: what an arrived event means for people and messages, and what it makes us owe.

Everything here runs inside one unit, after the adapter has read the parcel: no waiting, no
network. An event whose parent has not arrived yet (an edit before its message, a status before
its receipt) is not dropped: `Waits` names what it waits for and the parcel is read again then.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from crm_clients.contract import Can as CrmCan
from mappers.vocabulary import (
    AccessRevoked,
    ConnectionId,
    ConversationMoved,
    ConversationRefused,
    DealChanged,
    DeliveryKind,
    Direction,
    Event,
    HistoryRead,
    Message,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    MessageId,
    OperatorReplied,
    OperatorTypes,
    Priority,
    ReachabilityChanged,
    ReactionChanged,
    RecordChanged,
    StatusChanged,
)
from mappers.vocabulary.adapters import FetchesFiles
from middleware.connections.model import Connected, Directory
from middleware.pipeline import rules
from middleware.pipeline.corrections import plan_correction
from middleware.pipeline.filling import plan_fields
from middleware.pipeline.gestures import plan_reaction, plan_typing
from middleware.pipeline.planning import Counterpart, Incoming, News, Planner, Shown
from middleware.pipeline.replying import Reply, plan_reply
from middleware.pipeline.writing_first import WritesFirst, as_typed
from middleware.store.duties import Duty
from middleware.store.port import Unit
from middleware.store.rows import ConversationRow, NewMessage


class Waits(Exception):
    """The event's parent is not here yet; `awaits` is the name it will arrive under."""

    def __init__(self, awaits: str) -> None:
        super().__init__(f"waits for {awaits}")
        self.awaits = awaits


@dataclass(frozen=True, slots=True)
class Intake:
    """Records events of one connection in one unit.

    `asked` is the asking that a history answers: the revision of its delivery.
    """

    connection: Connected
    directory: Directory
    unit: Unit
    now: datetime
    asked: int = -1

    @property
    def planner(self) -> Planner:
        return Planner(self.unit, self.now)

    async def apply(self, event: Event) -> str:
        """Record one event and plan what follows; return a short name of what was done.

        Raises: `Waits`.
        """
        match event:
            case MessageArrived():
                return await self._message(event)
            case OperatorReplied():
                return await self._reply(event)
            case HistoryRead():
                return await self._history(event)
            case StatusChanged():
                return await self._status(event)
            case MessageEdited() | MessageDeleted():
                return await self._correction(event)
            case RecordChanged() | DealChanged():
                return await self._crm_side(event)
            case ReachabilityChanged() | ConversationMoved() | ConversationRefused():
                return await self._conversation(event)
            case ReactionChanged() | OperatorTypes():
                return await self._gesture(event)
            case AccessRevoked(reason=reason):
                state = "broken" if event.heals else "needs_sign_in"
                await self.unit.set_connection(self.connection.id, state, reason)
                return "access.revoked"
            case _:
                assert_never(event)

    async def _message(self, event: MessageArrived) -> str:
        unit, message = self.unit, event.message
        contact = await unit.contact_for(self.connection.workspace, event.person)
        conversation = await unit.conversation_for(
            self.connection.id, message.conversation, contact.id
        )
        added = await unit.add_message(
            NewMessage(
                workspace=self.connection.workspace,
                connection=self.connection.id,
                conversation=conversation.id,
                message=message,
                planned=True,
            )
        )
        if added is None:
            return "message.known"
        await unit.wake_waiting(self.connection.id, message.origin.message)
        if message.direction is Direction.INBOUND and not conversation.reachable:
            await unit.set_reachable(conversation.id, reachable=True)
        if contact.learned and not contact.is_new:
            await self._learned(conversation)
        shown = await self._shown(conversation, added, message)
        new, owner = Incoming(id=added, said=message, shown=shown), conversation.contact
        await self.planner.write(conversation, owner or contact.id, new)
        if message.direction is Direction.INBOUND:
            at = conversation, owner or contact.id
            await plan_fields(self.planner, *at, new, is_new=contact.is_new)
        return "message.recorded"

    async def _shown(
        self, conversation: ConversationRow, message: MessageId, said: Message
    ) -> dict[ConnectionId, Shown]:
        """Owe the files that a CRM will show, and say which CRM shows which of them."""
        shown: dict[ConnectionId, Shown] = {}
        can_fetch = isinstance(self.connection.adapter, FetchesFiles)
        for route in await self.unit.routes_from(conversation.connection):
            crm = await self.directory.glance(route.target)
            files = rules.carried(said, crm.can.attachments) if can_fetch else ()
            notices = not isinstance(crm.can, CrmCan) or crm.can.notifies or not crm.can.tasks
            shown[route.target] = Shown(files=files, wait=crm.settings.file_wait, asks=not notices)
        for position in sorted({each for crm in shown.values() for each in crm.files}):
            await self.planner.fetch(conversation, self.connection.id, message, position)
        return shown

    async def _learned(self, conversation: ConversationRow) -> None:
        """A known person became better known: look at the CRM's records again before writing."""
        if conversation.contact is None:
            return
        for route in await self.unit.routes_from(conversation.connection):
            at = Counterpart(route, conversation, conversation.contact)
            if await self.planner.latest(at, DeliveryKind.ENSURE_CONTACT) is not None:
                await self.planner.require(at, DeliveryKind.ENSURE_CONTACT, anew=True)

    async def _reply(self, event: OperatorReplied) -> str:
        unit, message = self.unit, event.message
        if await unit.message_named(self.connection.id, message.origin.message) is not None:
            return "reply.known"
        conversation = await self._answered(event)
        if conversation is None and event.to is not None:
            first = WritesFirst(self.planner, self.directory, self.connection)
            conversation = await first.find(event, event.to)
            if conversation is None:
                return await first.refuse(event, event.to)
        if conversation is None:
            return "reply.of_unknown_conversation"
        is_behind = event.recovered or await self._is_behind(conversation)
        added = await unit.add_message(
            as_typed(self.connection, event, conversation.id, planned=False)
        )
        if added is None:
            return "reply.known"
        await unit.wake_waiting(self.connection.id, message.origin.message)
        await unit.know_operators(self.connection.id, (event.operator,))
        if is_behind:
            return "reply.kept_until_history_is_read"
        reply = Reply(id=added, said=message, conversation=conversation, source=self.connection)
        await plan_reply(self.planner, self.directory, reply)
        return "reply.planned"

    async def _answered(self, event: OperatorReplied) -> ConversationRow | None:
        crm = self.connection.id
        if event.record or event.deal:
            return await self.unit.conversation_of_record(crm, event.record, event.deal)
        return await self.unit.conversation_in_crm(crm, event.message.conversation, event.ours)

    async def _is_behind(self, conversation: ConversationRow) -> bool:
        """Say whether earlier replies may still be on their way, so that a new one must wait.

        Whoever answers before we have recorded the opening may have been answering for a while.
        A history is given up beside us: either it sees this reply kept, or we see it given up.
        """
        crm = self.connection.id
        opened = await self.unit.opened(conversation.id, crm, held=True)
        can = self.connection.can
        if not (isinstance(can, CrmCan) and can.replies_told_once):
            return opened is not None and opened.behind_since is not None
        if opened is None:
            opening = await self.unit.latest(crm, DeliveryKind.OPEN_CONVERSATION, conversation.id)
            await self.planner.catch_up(conversation, crm, after=opening.id if opening else None)
            return True
        last = await self.unit.latest(crm, DeliveryKind.READ_HISTORY, conversation.id)
        is_owed = rules.is_history_owed(last.state if last else None)
        return is_owed or opened.behind_since is not None

    async def _history(self, event: HistoryRead) -> str:
        conversation = await self.unit.conversation_in_crm(
            self.connection.id, event.conversation, ""
        )
        if conversation is None:
            return "history.of_unknown_conversation"
        opened = await self.unit.opened(conversation.id, self.connection.id)
        asks = opened is not None and opened.asks
        if not await self.unit.caught_up(conversation.id, self.connection.id, self.asked):
            # It was asked for before the newest gap: whoever is kept waits for the one after it.
            return "history.will_be_read_again"
        for message in await self.unit.unplanned_replies(conversation.id):
            row, said = await self.unit.reply(message)
            if row.connection == self.connection.id:
                reply = Reply(
                    id=message,
                    said=said,
                    conversation=conversation,
                    source=self.connection,
                    asks=asks,
                )
                await plan_reply(self.planner, self.directory, reply)
        return "history.caught_up"

    async def _status(self, event: StatusChanged) -> str:
        message = await self.unit.message_named(self.connection.id, event.receipt)
        if message is None:
            raise Waits(event.receipt)
        if not await self.unit.raise_status(message.id, event.status):
            return "status.not_news"
        if message.is_reply:
            code = event.failure.code if event.failure else ""
            await self.planner.report(message, News(status=event.status, code=code))
        return "status.raised"

    async def _correction(self, event: MessageEdited | MessageDeleted) -> str:
        message = await self.unit.message_named(self.connection.id, event.origin.message)
        if message is None:
            raise Waits(event.origin.message)
        return await plan_correction(self.planner, message, event)

    async def _gesture(self, event: ReactionChanged | OperatorTypes) -> str:
        if isinstance(event, OperatorTypes):
            return await plan_typing(self.planner, self.connection, event)
        message = await self.unit.message_named(self.connection.id, event.origin.message)
        if message is None:
            raise Waits(event.origin.message)
        return await plan_reaction(self.planner, self.connection, message, event)

    async def _crm_side(self, event: RecordChanged | DealChanged) -> str:
        match event:
            case DealChanged(deal=deal, state=state, pipeline=pipeline):
                await self.unit.set_deal_state(self.connection.id, deal, state, pipeline)
                return f"deal.{state}"
            case RecordChanged(change="deleted" | "merged", record=record):
                dropped = await self.unit.drop_links(self.connection.id, record)
                return "record.gone" if dropped else "record.not_ours"
            case RecordChanged(change=change):
                return f"record.{change}"

    async def _conversation(
        self, event: ReachabilityChanged | ConversationMoved | ConversationRefused
    ) -> str:
        unit = self.unit
        match event:
            case ReachabilityChanged():
                at = await unit.conversation_at(self.connection.id, event.conversation)
                if at is None:
                    return "reachability.of_unknown_conversation"
                await unit.set_reachable(at.id, reachable=event.reachable)
                return "conversation.opened" if event.reachable else "conversation.closed"
            case ConversationMoved():
                await unit.move_conversation(self.connection.id, event.old, event.new)
                return "conversation.moved"
            case ConversationRefused():
                at = await unit.conversation_for(self.connection.id, event.conversation, None)
                if event.notice:
                    await unit.owe(self._refusal(at, event))
                return f"conversation.refused_{event.reason}"

    def _refusal(self, at: ConversationRow, event: ConversationRefused) -> Duty:
        return Duty(
            workspace=at.workspace,
            target=self.connection.id,
            lane=rules.conversation_lane(at.id),
            kind=DeliveryKind.REFUSE,
            subject=at.id,
            priority=Priority.STATUS,
            conversation=at.id,
            detail={"notice": event.notice},
        )
