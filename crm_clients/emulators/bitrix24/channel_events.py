"""What an application is told of its channel: `OnImConnectorMessageAdd`, `-Update`, `-Delete`."""

from channel_clients.emulators.stage import Request

from . import events
from .lines_model import ChatMessage, Dialog, FileHeld, Json, Reply
from .model import Portal
from .world import HeldMessages, World


def send_out(world: World, portal: Portal, dialog: Dialog, message: ChatMessage) -> Reply:
    """Tell the channel of a message, unless the connector was taken off the line.

    What an operator wrote is kept as a reply either way.
    """
    reply = Reply(
        portal=portal.slug,
        dialog=dialog,
        message=message,
        user_id=message.sender_id,
        at=message.at,
    )
    if message.is_from_operator:
        world.replies.append(reply)
    if not portal.lines.status_of(dialog.connector, dialog.line_id).is_active:
        return reply
    message.is_sending = True
    body: Json = {"user_id": message.sender_id, "text": signed(world, portal, dialog, message)}
    if message.files:
        body["files"] = [_file(world, portal, each) for each in message.files]

    def told(status: int | None) -> None:
        reply.hook_sent, reply.hook_status = True, status

    connector_event(world, portal, dialog, ("ADD", message, body), told)
    return reply


def connector_event(
    world: World,
    portal: Portal,
    dialog: Dialog,
    what: tuple[str, ChatMessage, Json],
    told: events.Told | None = None,
) -> None:
    """Tell the owner of the connector.

    `what` begins with ADD, UPDATE or DELETE, and ends with the `message` of the event.
    """
    kind, message, body = what
    item = {
        "im": {"chat_id": dialog.chat_id, "message_id": message.id},
        "message": body,
        "chat": {"id": dialog.chat_key},
    }
    by = message.sender_id if message.is_from_operator else None
    one = HeldMessages(
        portal=portal,
        place=(dialog.connector, dialog.line_id),
        event=f"ONIMCONNECTORMESSAGE{kind}",
        items=[item],
        told=[told] if told else [],
        by=by,
    )
    held = world.held_messages.pop((one.place, one.event), None)
    if held is None and world.stage.take(_matched(one), {"merged_events"}):
        world.held_messages[one.place, one.event] = one
        world.background.start_later(_release_late(world, one))
        return
    if held is not None:
        one.items, one.told = [*held.items, *one.items], [*held.told, *one.told]
    _send(world, one)


def _matched(one: HeldMessages) -> Request:
    return Request(method="POST", path=f"/{one.portal.slug}/{one.event}")


async def _release_late(world: World, held: HeldMessages) -> None:
    """Held messages go out alone when no others come to join them."""
    await world.stage.clock.sleep(events.HOLD_S)
    if world.held_messages.get((held.place, held.event)) is held:
        del world.held_messages[held.place, held.event]
        _send(world, held)


def _send(world: World, what: HeldMessages) -> None:
    connector, line_id = what.place

    def told(status: int | None) -> None:
        for each in what.told:
            each(status)

    data = {"CONNECTOR": connector, "LINE": line_id, "MESSAGES": what.items}
    event = events.Event(
        what.event, data, by=what.by, only=what.portal.lines.owner_of(connector), told=told
    )
    events.tell(world, what.portal, event)


def signed(world: World, portal: Portal, dialog: Dialog, message: ChatMessage) -> str:
    """Return the text as the channel is told it: under the operator's name, if it asked so."""
    kind = portal.lines.connectors[dialog.connector]
    line = portal.lines.lines[dialog.line_id]
    is_hidden = line.config["OPERATOR_DATA"] == "hide"
    if not kind.flags["NEED_SIGNATURE"] or is_hidden or not message.is_from_operator:
        return message.text
    blank = " " if world.switches.signature_space else ""
    head = f"[b]{message.sender_name}:[/b]{blank}"
    return f"{head}[br]{message.text}" if message.text else head


def _file(world: World, portal: Portal, held: FileHeld) -> Json:
    portal.lines.offered_at[held.id] = world.now()
    kind = held.mime.partition("/")[0]
    base = f"{world.base}/{portal.slug}"
    return {
        "name": held.name,
        "type": kind if kind in {"image", "video", "audio"} else "file",
        "mime": held.mime,
        "link": f"{base}/~{held.short_key}",
        "downloadLink": f"{base}/pub/im.file.php?FILE_ID={held.id}&SIGN={held.key}",
        "size": len(held.body),
        "sizef": f"{len(held.body) / 1024:.2f} KB",
    }
