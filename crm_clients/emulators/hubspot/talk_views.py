"""What really is in the inboxes of portals, for those who judge the hub from outside of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from . import threads
from .inbox_model import COMMENT, Json, Mark, Message, Reply, Thread
from .model import Portal
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """`client_id` is the integration's id of it, `sha256` of the first file; empty without one.

    `is_system`: a comment, which colleagues alone see. `appeared_at` is when HubSpot took it.
    """

    message_id: str
    client_id: str
    direction: str
    sender_id: str
    text: str
    rich_text: str
    is_from_operator: bool
    is_system: bool
    statuses: tuple[Mark, ...]
    files: tuple[Json, ...]
    reply_to: str
    timestamp_ms: int
    appeared_at: float
    file_name: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """A thread with its messages, as people see them. `contact_id` is None for a visitor."""

    chat_id: str
    client_id: str
    channel_id: int
    account_id: int
    inbox_id: int
    contact_id: int | None
    ticket_id: str
    status: str
    assigned_to: str
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyView:
    """What an operator typed or sent; `file_name` and `sha256` are of the first of its `files`."""

    account: str
    chat_id: str
    client_conversation_id: str
    text: str
    user_id: int
    message_id: str
    at: float
    hook_sent: bool
    hook_status: int | None
    statuses: tuple[Mark, ...]
    files: tuple[Json, ...] = ()
    file_name: str = ""
    sha256: str = ""


class TalkViews:
    """The part of the emulator that tells what was said; everything it returns is a copy."""

    world: World

    def timeline(self, account: str | int) -> tuple[ThreadView, ...]:
        portal = self.world.portal(account)
        kept = (each for each in portal.talks.threads.values() if not each.is_archived)
        return tuple(thread_view(self.world, portal, each) for each in kept)

    @property
    def replies(self) -> tuple[ReplyView, ...]:
        return tuple(reply_view(self.world, each) for each in self.world.replies)


def thread_view(world: World, portal: Portal, thread: Thread) -> ThreadView:
    return ThreadView(
        chat_id=str(thread.id),
        client_id=thread.external_id,
        channel_id=thread.channel_id,
        account_id=thread.account_id,
        inbox_id=thread.inbox_id,
        contact_id=thread.contact_id if thread.is_known else None,
        ticket_id=thread.ticket_id,
        status=thread.status,
        assigned_to=thread.assigned_to,
        messages=tuple(message_view(portal, each) for each in threads.in_order(world, thread)),
    )


def message_view(portal: Portal, message: Message) -> MessageView:
    files = _files(portal, message.attachments)
    return MessageView(
        message_id=message.id,
        client_id=message.idempotency_id,
        direction=message.direction,
        sender_id=message.created_by,
        text=message.text,
        rich_text=message.rich_text,
        is_from_operator=message.direction == "OUTGOING" or message.kind == COMMENT,
        is_system=message.kind == COMMENT,
        statuses=tuple(message.marks),
        files=files,
        reply_to=message.in_reply_to,
        timestamp_ms=message.said_ms,
        appeared_at=message.at,
        file_name=next((each["name"] for each in files), ""),
        sha256=next((each["sha256"] for each in files), ""),
    )


def reply_view(world: World, reply: Reply) -> ReplyView:
    seen = message_view(world.portal(reply.account), reply.message)
    return ReplyView(
        account=reply.account,
        chat_id=str(reply.thread.id),
        client_conversation_id=reply.thread.external_id,
        text=reply.message.text,
        user_id=reply.user_id,
        message_id=reply.message.id,
        at=reply.at,
        hook_sent=reply.hook_sent,
        hook_status=reply.hook_status,
        statuses=seen.statuses,
        files=seen.files,
        file_name=seen.file_name,
        sha256=seen.sha256,
    )


def _files(portal: Portal, attachments: Iterable[Json]) -> tuple[Json, ...]:
    found = (portal.files.get(int(each.get("fileId") or 0)) for each in attachments)
    return tuple(
        {"name": held.file_name, "mime": held.mime, "sha256": sha256(held.body).hexdigest()}
        for held in found
        if held is not None
    )
