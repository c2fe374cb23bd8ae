"""One id in, everything about it out.

Which parcel a message came in is not written down anywhere: the parcels that came shortly before
are read again, which is pure, until one of them speaks of the message.
"""

from dataclasses import replace
from uuid import UUID

from mappers.vocabulary import Arrival, Reading
from middleware.connections.model import UnknownConnection
from middleware.errors import NotFound
from middleware.hub import Hub
from middleware.operations.access.store import AccessStore
from middleware.operations.model import Caller
from middleware.operations.trace import rules
from middleware.operations.trace.model import ArrivalTrace, Body, Ids, MessageTrace, Subject, Trace
from middleware.operations.trace.store import TraceStore
from middleware.pipeline.rules import read_form
from middleware.secrets import UnreadableSecret

LONGEST_BODY = 64 * 1024
ARRIVAL_MARK = "#"
# What an adapter raises at bytes that it does not understand (any more).
NONSENSE = (ValueError, LookupError, TypeError, AttributeError)


async def trace(hub: Hub, caller: Caller, asked: str, *, raw: bool = False) -> Trace:
    """Tell everything about a delivery, a message, a conversation, a contact or an arrival.

    `asked` is one of our ids, `#` and an arrival number, or a provider's id. Words, names, phones
    and bodies are hidden unless `raw`; then it is written down who saw them.
    Raises: `NotFound`.
    """
    tracing = _Tracing(hub, TraceStore(hub.engine, caller.workspace))
    subject = await tracing.subject(asked.strip())
    if subject is None:
        raise NotFound(
            f"Nothing here is called “{asked}”. A trace starts from an id of ours, from a"
            " provider's id of a message, chat, record or deal, or from #number of an arrival."
        )
    told = await tracing.tell(subject)
    if not raw:
        return rules.masked(told)
    await AccessStore(hub.engine).note(caller, "trace.seen_in_clear", subject.name)
    return told


class _Tracing:
    def __init__(self, hub: Hub, store: TraceStore) -> None:
        self._hub = hub
        self._store = store

    async def subject(self, asked: str) -> Subject | None:
        """Find what is meant."""
        if asked.startswith(ARRIVAL_MARK) and asked[1:].isdecimal() and len(asked) < 19:
            return await self._arrived(int(asked[1:]))
        own = _uuid(asked)
        found = await self._store.of_id(own) if own is not None else None
        if found is None:
            found = await self._store.of_name(asked)
        if found is None and asked.isdecimal() and len(asked) < 19:
            found = await self._arrived(int(asked))
        return found

    async def _arrived(self, number: int) -> Subject | None:
        body = await self._store.arrival(number)
        if body is None:
            return None
        reading = await self._read(body)
        names = rules.names_in(reading) if reading is not None else ()
        messages = await self._store.named(names)
        return Subject(kind="arrival", messages=messages, arrival=number)

    async def tell(self, subject: Subject) -> Trace:
        messages = await self._store.messages(subject.messages)
        ids = {message.conversation for message in messages}
        ids |= {subject.conversation} if subject.conversation is not None else set()
        conversations = await self._store.conversations(tuple(ids), subject.contact)
        if subject.kind in {"conversation", "contact"}:
            latest = await self._store.latest_messages(tuple(each.id for each in conversations))
            messages = await self._store.messages(latest)
        else:
            messages = tuple([await self._with_arrival(message) for message in messages])
        contact = subject.contact or next((v.contact for v in conversations if v.contact), None)
        about: Ids = (*ids, *(() if contact is None else (contact,)))
        return Trace(
            subject=subject.kind,
            arrival=await self._arrival(subject),
            contact=None if contact is None else await self._store.contact(contact),
            conversations=conversations,
            messages=messages,
            deliveries=await self._store.prerequisites(about),
        )

    async def _arrival(self, subject: Subject) -> ArrivalTrace | None:
        if subject.arrival is None:
            return None
        body = await self._store.arrival(subject.arrival)
        return None if body is None else _told(body, await self._read(body))

    async def _with_arrival(self, message: MessageTrace) -> MessageTrace:
        if not message.origin:
            return message
        for body in await self._store.arrived_before(message.connection, message.recorded_at):
            reading = await self._read(body)
            if reading is not None and message.origin in rules.names_in(reading):
                return replace(message, arrival=_told(body, reading))
        return message

    async def _read(self, body: Body) -> Reading | None:
        """Read a parcel again; None when nobody can."""
        try:
            connected = await self._hub.directory.get(body.trace.connection)
        except (UnknownConnection, UnreadableSecret):
            return None
        arrival = Arrival(
            body=body.content,
            form=read_form(body.trace.form)[0],
            received_at=body.trace.received_at,
        )
        try:
            return connected.adapter.read(arrival)
        except NONSENSE:
            return None


def _told(body: Body, reading: Reading | None) -> ArrivalTrace:
    return replace(
        body.trace,
        means=rules.events_in(reading) if reading is not None else (),
        body=body.content[:LONGEST_BODY].decode("utf-8", "replace"),
    )


def _uuid(asked: str) -> UUID | None:
    try:
        return UUID(asked)
    except ValueError:
        return None
