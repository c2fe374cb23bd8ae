"""What was said: messages under every name they have, corrections, statuses."""

from collections.abc import Sequence
from dataclasses import replace

from mappers.vocabulary import ConnectionId, ConversationId, Direction, Message, MessageId, Status
from middleware.simulation.twin.chapter import Chapter, there
from middleware.simulation.twin.schema import KnownFact, Name, Said
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import Fact, MessageRow, NewMessage, OpenQuestion
from middleware.webhooks.keys import digest_of


class Messages(Chapter):
    async def add_message(self, new: NewMessage) -> MessageId | None:
        tx = await self._turn()
        content = new.message
        message = MessageId(tx.new_id())
        origin = name_of(tx, new.connection, message, content.origin.message)
        if not await tx.names.insert(origin):
            return None
        said = Said(
            id=message,
            workspace=new.workspace,
            connection=new.connection,
            conversation=new.conversation,
            content=content,
            direction=content.direction,
            sent_at=content.sent_at,
            is_reply=there(tx.connections.get(new.connection), "connection").kind == "crm",
            operator=new.operator,
            status=Status.QUEUED,
            planned=new.planned,
        )
        await tx.messages.insert(said)
        return message

    async def message_named(self, connection: ConnectionId, name: str) -> MessageRow | None:
        tx = await self._turn()
        known = tx.names.get((connection, digest_of(name)))
        said = None if known is None else tx.messages.get(known.message)
        return None if said is None else said.row()

    async def add_names(
        self, connection: ConnectionId, message: MessageId, names: Sequence[str], part: int
    ) -> None:
        tx = await self._turn()
        rows = [replace(name_of(tx, connection, message, name), part=part) for name in names]
        for row in sorted(rows, key=lambda row: row.digest):
            await tx.names.insert(row)

    async def add_fact(self, message: MessageId, kind: str, fact: Fact) -> bool:
        tx = await self._turn()
        return await tx.facts.insert(KnownFact(message=message, kind=kind, fact=fact))

    async def raise_status(self, message: MessageId, status: Status) -> bool:
        tx = await self._turn()
        said = tx.messages.get(message)
        if said is None or said.status.rank >= status.rank:
            return False
        await tx.messages.lock(message)
        said = there(tx.messages.get(message), "message")
        if said.status.rank >= status.rank:
            return False
        tx.messages.put(replace(said, status=status))
        return True

    async def unplanned_replies(self, conversation: ConversationId) -> tuple[MessageId, ...]:
        tx = await self._turn()
        found = tx.messages.find("unplanned", conversation)
        return tuple(said.id for said in sorted(found, key=lambda each: (each.sent_at, each.id)))

    async def open_question(self, conversation: ConversationId) -> OpenQuestion | None:
        return question_of(await self._turn(), conversation)

    async def reply(self, message: MessageId) -> tuple[MessageRow, Message]:
        tx = await self._turn()
        said = there(tx.messages.get(message), "message")
        return said.row(), there(said.content, "content")

    async def mark_planned(self, message: MessageId) -> None:
        tx = await self._turn()
        await tx.messages.change(message, planned=True)


def question_of(tx: Transaction, conversation: ConversationId) -> OpenQuestion | None:
    said = tx.messages.find("conversation", conversation)
    told = [each.sent_at for each in said if each.direction is Direction.OUTBOUND]
    asked = [each for each in said if each.direction is Direction.INBOUND]
    since = max(told, default=None)
    still = [each for each in asked if since is None or each.sent_at > since]
    first = min(still, key=lambda each: (each.sent_at, each.id), default=None)
    return None if first is None else OpenQuestion(message=first.id, sent_at=first.sent_at)


def name_of(tx: Transaction, connection: ConnectionId, message: MessageId, name: str) -> Name:
    return Name(
        connection=connection,
        digest=digest_of(name),
        name=name,
        message=message,
        part=0,
        number=tx.number(),
    )


def names_at(
    tx: Transaction, connection: ConnectionId, message: MessageId, *, part: int | None = None
) -> tuple[str, ...]:
    """Return a provider's own ids of a message, part by part, as its receipts listed them.

    With `part` only those of it.
    """
    known = sorted(
        tx.names.find("message", (connection, message)), key=lambda n: (n.part, n.number)
    )
    of = [each for each in known if part in (None, each.part)]
    return tuple(each.name for each in of if each.name is not None)
