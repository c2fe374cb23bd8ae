"""What a channel is asked to change of a reply, part by part, and what it is not able to."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

import pytest

from channel_clients.contract import Can
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    ConnectionId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Direction,
    Message,
    MessageId,
    Origin,
    Outgoing,
    WorkspaceId,
)
from middleware.connections.model import ConnectedChannel
from middleware.media.flow import Shelf
from middleware.outbox.correcting import SAID, UNSAID, Corrected, Declined, edit_reply, take_back
from middleware.simulation.media import MemoryMedia
from middleware.store.duties import Job, Spoken
from middleware.store.policy import Policy
from middleware.store.rows import ConversationRow, Fact, FileRow

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
BOT, WORKSPACE = ConnectionId(UUID(int=2)), WorkspaceId(UUID(int=3))
CHAT = ConversationRow(
    id=ConversationId(UUID(int=6)),
    workspace=WORKSPACE,
    connection=BOT,
    external="100",
    contact=None,
)
SHELF = Shelf(MemoryMedia(), lambda *_: "", 1000)


class Editing:
    def __init__(self) -> None:
        self.did: list[tuple[str, str]] = []

    async def edit(self, sent: str, outgoing: Outgoing) -> None:
        assert not outgoing.files
        self.did.append((sent, outgoing.text))


class Everything(Editing):
    async def delete(self, sent: str) -> None:
        self.did.append((sent, "gone"))


def on(adapter: Any) -> ConnectedChannel:
    can = Can(text_limit=10, caption_limit=5)
    return ConnectedChannel(
        id=BOT,
        workspace=WORKSPACE,
        provider="telegram",
        account="7",
        title="Shop",
        adapter=adapter,
        can=can,
    )


def a_job(text: str | None, *spoken: Spoken, shows: int = 0, taken_back: bool = False) -> Job:
    picture = Attachment(kind=AttachmentKind.IMAGE, handle="h")
    said = Message(
        origin=Origin("crm", "1", "r-1"),
        conversation="c",
        author="op",
        direction=Direction.OUTBOUND,
        sent_at=NOON,
        text="было",
        attachments=(picture,) * shows,
    )
    fact = None if text is None else Fact(revision=5, text=text)
    return Job(
        id=DeliveryId(UUID(int=9)),
        workspace=WORKSPACE,
        target=BOT,
        lane=1,
        seq=1,
        kind=DeliveryKind.EDIT,
        subject=UUID(int=4),
        part=0,
        revision=5,
        was=DeliveryState.READY,
        attempts=1,
        failures=0,
        called_at=NOON,
        taken_at=NOON,
        created_at=NOON,
        policy=Policy(),
        detail={},
        message=said,
        message_id=MessageId(UUID(int=4)),
        conversation=CHAT,
        fact=fact,
        taken_back=taken_back,
        spoken=spoken,
        files=tuple(
            FileRow(message=MessageId(UUID(int=4)), position=position, state="stored", key="k")
            for position in range(shows)
        ),
    )


def part(number: int, *names: str, shape: list[list[int]], **detail: Any) -> Spoken:
    whole = {"shape": shape, "files": shape[number], "carried": [*chain(*shape)], **detail}
    return Spoken(part=number, detail=whole, names=names)


TWO: list[list[int]] = [[], []]
BOTH = part(0, "m1", shape=TWO), part(1, "m2", shape=TWO)


@pytest.mark.parametrize(
    ("words", "did"),
    [
        ("коротко", [("m1", "коротко"), ("m2", "gone")]),
        ("одно и другое", [("m1", "одно и "), ("m2", "другое")]),
        ("", [("m1", "gone"), ("m2", "gone")]),
    ],
)
async def test_new_words_are_laid_into_the_messages_that_there_are(
    words: str, did: list[tuple[str, str]]
) -> None:
    channel = Everything()
    assert await edit_reply(a_job(words, *BOTH), on(channel), SHELF) == Corrected()
    assert channel.did == did


async def test_a_caption_stands_under_the_first_file_of_its_album() -> None:
    channel = Everything()
    album = part(0, "m1", "m2", shape=[[0, 1]])
    assert await edit_reply(a_job("под", album, shows=2), on(channel), SHELF) == Corrected()
    assert channel.did == [("m1", "под")]
    gone = replace(a_job(None, album, shows=2, taken_back=True), kind=DeliveryKind.DELETE)
    assert await take_back(gone, on(channel)) == Corrected()
    assert channel.did[1:] == [("m1", "gone"), ("m2", "gone")]


@pytest.mark.parametrize(
    ("adapter", "words", "code"),
    [
        (object(), "коротко", "hub.channel_edits_nothing"),
        (Editing(), "коротко", "hub.channel_deletes_nothing"),
        (Everything(), "в два сообщения это не влезет", "hub.no_room_for_edit"),
    ],
)
async def test_what_cannot_be_done_is_done_by_no_half(adapter: Any, words: str, code: str) -> None:
    assert await edit_reply(a_job(words, *BOTH), on(adapter), SHELF) == Declined(code)
    assert not getattr(adapter, "did", ())


async def test_what_was_said_so_already_costs_no_call() -> None:
    channel = Everything()
    newest = part(0, "m1", shape=[[]], **{SAID: 5})
    done = await edit_reply(a_job("ново", newest), on(channel), SHELF)
    assert done == Corrected("said in its newest form")
    older = part(0, "m1", shape=[[]], **{SAID: 4})
    assert await edit_reply(a_job("ново", older), on(channel), SHELF) == Corrected()
    assert channel.did == [("m1", "ново")]


async def test_a_reply_without_a_name_was_never_said_or_marked_as_sent_by_a_person() -> None:
    channel = on(Everything())
    unsaid, marked = part(0, shape=[[]], **{UNSAID: True}), part(0, shape=[[]])
    assert await take_back(a_job(None, unsaid, taken_back=True), channel) == Corrected("never said")
    nobody_knows = Declined("hub.no_name_to_correct")
    assert await take_back(a_job(None, marked, taken_back=True), channel) == nobody_knows
    assert await edit_reply(a_job("ново", marked), channel, SHELF) == nobody_knows


async def test_an_edit_of_what_was_taken_back_is_over() -> None:
    channel = Everything()
    done = await edit_reply(a_job("ново", *BOTH, taken_back=True), on(channel), SHELF)
    assert done == Corrected("taken back")
    assert not channel.did
