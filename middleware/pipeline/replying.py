"""Planning an operator's reply: what its channel is owed, part by part."""

from dataclasses import dataclass
from typing import Any

from mappers.names import Manner, called
from mappers.vocabulary import (
    DeliveryKind,
    Message,
    MessageId,
    Priority,
    Status,
)
from mappers.vocabulary.adapters import FetchesFiles
from middleware.connections.model import Connected, ConnectedChannel, Directory
from middleware.pipeline import rules
from middleware.pipeline.planning import News, Planner
from middleware.store.duties import Duty
from middleware.store.rows import ConversationRow, RouteRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An operator's reply on its way out. `asks`: not without a person's word."""

    id: MessageId
    said: Message
    conversation: ConversationRow
    source: Connected
    asks: bool = False


async def plan_reply(planner: Planner, directory: Directory, reply: Reply) -> None:
    """Owe a reply to the channel, part by part; a doubtful one to a person's judgement."""
    conversation = reply.conversation
    channel = await directory.get(conversation.connection)
    if not isinstance(channel, ConnectedChannel):
        raise TypeError("a conversation belongs to a channel")
    is_old = rules.too_old(reply.said.sent_at, planner.now, channel.settings.reply_age_limit)
    held = "hub.restored" if reply.asks else "hub.too_old" if is_old else ""
    can_fetch = isinstance(reply.source.adapter, FetchesFiles)
    files = rules.carried(reply.said, channel.can.attachments) if can_fetch else ()
    fetched = {
        position: await planner.fetch(conversation, reply.source.id, reply.id, position)
        for position in files
    }
    route = await _route(planner, reply)
    by = await _name(planner, reply, route.policy.operator_name) if route else ""
    parts = rules.reply_parts(reply.said, channel.can, channel.settings.language, files, by)
    shared = {
        "carried": list(files),
        "shape": [list(part.files) for part in parts],
        "keyboard": parts[-1].buttons,
    }
    for number, part in enumerate(parts):
        await planner.unit.owe(
            Duty(
                workspace=conversation.workspace,
                target=conversation.connection,
                lane=rules.conversation_lane(conversation.id),
                kind=DeliveryKind.SEND,
                subject=reply.id,
                part=number,
                priority=Priority.REPLY,
                message=reply.id,
                conversation=conversation.id,
                contact=conversation.contact,
                after=fetched[part.files[-1]] if part.files else None,
                route=route.id if route else None,
                detail={**_detail(part), **shared},
                held=held,
            )
        )
    await planner.unit.mark_planned(reply.id)
    if held:
        row, _ = await planner.unit.reply(reply.id)
        news = News(status=Status.FAILED, doubt=str(reply.id), code=held)
        await planner.report(row, news)


def _detail(part: rules.ReplyPart) -> dict[str, Any]:
    return {
        "start": part.text.start,
        "end": part.text.end,
        "files": list(part.files),
        "buttons": part.buttons,
        "by": part.by,
    }


async def _route(planner: Planner, reply: Reply) -> RouteRow | None:
    """Find the route that the conversation was carried by; None when it was stopped since."""
    routes = await planner.unit.routes_from(reply.conversation.connection)
    return next((route for route in routes if route.target == reply.source.id), None)


async def _name(planner: Planner, reply: Reply, manner: Manner) -> str:
    """What the customer sees of who answers. An unknown name is asked for, and not waited for."""
    if manner == "none":
        return ""
    known = await planner.unit.operator_name(reply.source.id, reply.said.author)
    if not known:
        await planner.ask_names(reply.source.workspace, reply.source.id)
    return called(known, manner)
