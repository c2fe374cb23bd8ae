"""Account webhooks: urlencoded, unsigned, in the shapes of API v2, and repeated when refused."""

import json
from datetime import UTC, datetime

from channel_clients.emulators.stage import Push

from . import fields, php
from .model import (
    Account,
    Chat,
    ChatMessage,
    Contact,
    Json,
    Lead,
    Note,
    Subscription,
    Talk,
    Task,
    Unsorted,
)
from .world import World

TIMEOUT_S = 2.0
WAITS_S = (300, 900, 900, 3600)  # before attempts 2 to 5; the last two only after 499 or 5xx
FORGETTING_S = 7200
TOO_MANY_INVALID = 100
FORM = {"content-type": "application/x-www-form-urlencoded"}
SINGULAR = {"contacts": "contact", "leads": "lead"}
NUMBERS = {"contacts": 1, "leads": 2}
SERVICE = ("service_message", "extended_service_message")
NOTE_TYPES = {
    "common": 4,
    "call_in": 10,
    "call_out": 11,
    "sms_in": 102,
    "sms_out": 103,
}


def tell(world: World, account: Account, event: str, body: Json) -> None:
    """Send an event to everyone subscribed to it, some time soon."""
    envelope = {
        "subdomain": account.subdomain,
        "id": account.id,
        "_links": {"self": f"https://{account.host}"},
    }
    payload = php.form({**body, "account": envelope})
    for hook in sorted(account.webhooks.values(), key=lambda each: each.sort):
        if world.switches.webhooks_lost:
            continue
        if event in hook.settings and not hook.disabled:
            for _ in range(2 if world.switches.webhook_twice else 1):
                world.background.start(_first_attempt(world, hook, payload))


async def _first_attempt(world: World, hook: Subscription, payload: bytes) -> None:
    if world.switches.webhook_jitter_s:
        await world.stage.clock.sleep(world.rng.uniform(0, world.switches.webhook_jitter_s))
    await _attempt(world, hook, payload, attempt=1)


async def _attempt(world: World, hook: Subscription, payload: bytes, *, attempt: int) -> None:
    if hook.disabled:
        return
    push = Push(
        method="POST", url=hook.destination, headers=FORM, body=payload, timeout_s=TIMEOUT_S
    )
    status = await world.stage.push(push) or 0
    if 100 <= status < 300:
        return
    _count_invalid(world, hook)
    may_repeat = attempt < 3 or status == 499 or 500 <= status < 600
    if attempt <= len(WAITS_S) and may_repeat:
        wait = WAITS_S[attempt - 1] * world.switches.retry_scale
        world.background.start_later(_later(world, hook, payload, (wait, attempt + 1)))


async def _later(world: World, hook: Subscription, payload: bytes, plan: tuple[float, int]) -> None:
    wait, attempt = plan
    await world.stage.clock.sleep(wait)
    world.background.start(_attempt(world, hook, payload, attempt=attempt))


def _count_invalid(world: World, hook: Subscription) -> None:
    now = world.now()
    hook.invalid_at = [at for at in hook.invalid_at if at > now - FORGETTING_S] + [now]
    if len(hook.invalid_at) > TOO_MANY_INVALID:
        hook.disabled = True


def card_changed(world: World, account: Account, action: str, card: Contact | Lead) -> None:
    """Tell of `add`, `update`, `delete` or `responsible` of a contact or a lead."""
    kind = {"type": "contact"} if isinstance(card, Contact) else {}
    shown = {"id": card.id} if action == "delete" else _card(account, card)
    event = f"{action}_{SINGULAR[card.entity]}"
    tell(world, account, event, {card.entity: {action: [{**shown, **kind}]}})


def status_changed(world: World, account: Account, lead: Lead, old: tuple[int, int]) -> None:
    """Tell of a lead that left the status and the pipeline in `old`."""
    shown = {**_card(account, lead), "old_status_id": old[0], "old_pipeline_id": old[1]}
    tell(world, account, "status_lead", {"leads": {"status": [shown]}})


def _card(account: Account, card: Contact | Lead) -> Json:
    shown: Json = {
        "id": card.id,
        "name": card.name,
        "responsible_user_id": card.responsible_user_id,
        "date_create": card.created_at,
        "last_modified": card.updated_at,
        "created_user_id": card.created_by,
        "modified_user_id": card.updated_by,
        "account_id": account.id,
        "custom_fields": fields.shown_in_hook(account, card.entity, card),
        "tags": [{"id": tag["id"], "name": tag["name"]} for tag in card.tags],
        "created_at": card.created_at,
        "updated_at": card.updated_at,
    }
    if isinstance(card, Lead):
        status = {"status_id": card.status_id, "pipeline_id": card.pipeline_id}
        return {**shown, "price": card.price, **status}
    links = {lead.id: {"ID": lead.id} for lead in account.leads_of(card.id)}
    return {**shown, "company_name": "", "linked_company_id": "", "linked_leads_id": links}


def note_added(world: World, account: Account, note: Note) -> None:
    made = datetime.fromtimestamp(note.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    is_call = note.note_type in ("call_in", "call_out")
    text = json.dumps(note.params) if is_call else note.params.get("text", "")
    numbers = {**NOTE_TYPES, **dict.fromkeys(SERVICE, world.switches.service_note_type)}
    author = account.users.get(note.created_by)
    source = {"event_source": {"type": 5, "author_name": author.name}} if author else {}
    shown = {
        "id": note.id,
        "note_type": numbers.get(note.note_type, 4),
        "element_type": NUMBERS[note.entity],
        "element_id": note.entity_id,
        "text": text,
        "metadata": json.dumps(source, ensure_ascii=False) if source else "",
        "account_id": account.id,
        "date_create": made,
        "timestamp_x": made,
        "created_by": note.created_by,
        "modified_by": note.created_by,
        "main_user_id": note.responsible_user_id,
        "group_id": 0,
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }
    event = f"note_{SINGULAR[note.entity]}"
    tell(world, account, event, {note.entity: {"note": [{"note": shown}]}})


def task_changed(world: World, account: Account, action: str, task: Task) -> None:
    """Tell of a task; the documented sample nests it under one index more than the others."""
    shown = {
        "id": task.id,
        "element_id": task.entity_id,
        "element_type": NUMBERS.get(task.entity_type or "", ""),
        "task_type": task.task_type_id,
        "text": task.text,
        "complete_till": task.complete_till,
        "responsible_user_id": task.responsible_user_id,
        "status": int(task.is_completed),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }
    tell(world, account, f"{action}_task", {"task": {action: [[shown]]}})


def talk_changed(world: World, account: Account, action: str, talk: Talk) -> None:
    shown = {
        "talk_id": talk.id,
        "created_at": talk.created_at,
        "updated_at": talk.updated_at,
        "rate": 0,
        "contact_id": talk.contact_id,
        "chat_id": talk.chat_id,
        "entity_id": talk.lead_id,
        "entity_type": "lead" if talk.lead_id else "",
        "is_in_work": talk.is_in_work,
        "is_read": talk.is_read,
        "origin": talk.origin,
    }
    tell(world, account, f"{action}_talk", {"talk": {action: [shown]}})


def unsorted_changed(
    world: World, account: Account, item: Unsorted, outcome: str | None = None
) -> None:
    """Tell of a new unsorted item, or with `outcome` (`accept`, `decline`) of its end."""
    shown: Json = {"uid": item.uid, "category": "chats", "created_at": item.created_at}
    if outcome is None:
        more = {
            "pipeline_id": item.pipeline_id,
            "source": item.source_name,
            "data": {"leads": [{"id": item.lead_id}], "contacts": [{"id": item.contact_id}]},
        }
        tell(world, account, "add_unsorted", {"unsorted": {"add": [{**shown, **more}]}})
        return
    result = {"leads": [item.lead_id], "contacts": [item.contact_id]}
    shown = {"action": outcome, **shown, f"{outcome}_result": result}
    tell(world, account, "delete_unsorted", {"unsorted": {"delete": [shown]}})


def message_added(world: World, account: Account, chat: Chat, message: ChatMessage) -> None:
    """Tell of a chat message. Incoming ones may come without a root, as Kommo sends them."""
    talks = (each for each in reversed(account.talks.values()) if each.chat_id == chat.id)
    talk = next(talks, None)
    channel = world.channels[chat.channel_id]
    shown: Json = {
        "id": message.id,
        "chat_id": chat.id,
        "talk_id": talk.id if talk else "",
        "contact_id": chat.contact_id,
        "text": message.text,
        "created_at": message.timestamp_ms // 1000,
        "type": message.direction,
        "origin": channel.code,
        "author": {
            "id": message.sender_id,
            "type": "external" if message.direction == "incoming" else "internal",
            "name": message.sender_name,
        },
    }
    if talk and talk.lead_id:
        lead = {"element_type": 2, "entity_type": "lead"}
        shown |= {**lead, "element_id": talk.lead_id, "entity_id": talk.lead_id}
    if message.content.get("media"):
        keys = {"type": "type", "link": "media", "file_name": "file_name"}
        shown["attachment"] = {key: message.content.get(name) for key, name in keys.items()}
    if message.direction == "outgoing":
        kind = {"message_type": message.content["type"], "recipient": {"id": chat.person_id}}
        body = {"outgoing_message": {"add": [{**shown, **kind}]}}
        tell(world, account, "add_outgoing_message", body)
    elif world.switches.incoming_envelope == "rootless":
        kind = {"message_type": message.content["type"]}
        tell(world, account, "add_message", {"add": [{**shown, **kind}]})
    else:
        tell(world, account, "add_message", {"message": {"add": [shown]}})
