"""Contacts and leads: checked, written, merged, thrown away, with the hooks that follow."""

from collections.abc import Iterator
from typing import Any

from channel_clients.emulators.stage import Request

from . import events, fields, webhooks
from .model import LOST, WON, Account, Contact, Json, Lead
from .problems import mistake, wrong_type
from .world import World

_TYPES: dict[str, tuple[type, str]] = {
    "name": (str, "string"),
    "first_name": (str, "string"),
    "last_name": (str, "string"),
    "responsible_user_id": (int, "int"),
    "created_by": (int, "int"),
    "updated_by": (int, "int"),
    "created_at": (int, "int"),
    "updated_at": (int, "int"),
    "price": (int, "int"),
    "status_id": (int, "int"),
    "pipeline_id": (int, "int"),
    "closed_at": (int, "int"),
    "loss_reason_id": (int, "int"),
}


def mistakes(world: World, account: Account, entity: str, item: Json) -> Iterator[dict[str, str]]:
    """Say everything that is wrong with a contact or a lead about to be written."""
    for name, (kind, word) in _TYPES.items():
        value = item.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            yield wrong_type(name, word)
    responsible = item.get("responsible_user_id")
    if responsible is not None and not may_be_responsible(world, account, responsible):
        yield mistake("responsible_user_id")
    ill_formed = list(_mistakes_in_nesting(item))
    yield from ill_formed
    if entity == "leads" and not ill_formed:
        yield from _mistakes_in_lead(account, item)
    yield from fields.mistakes(account, entity, item.get("custom_fields_values"))


def _mistakes_in_nesting(item: Json) -> Iterator[dict[str, str]]:
    """Is everything that should be an array of objects one?"""
    embedded = item.get("_embedded") or {}
    if not isinstance(embedded, dict):
        yield wrong_type("_embedded", "array")
        return
    arrays = {name: item.get(name) for name in ("tags_to_add", "tags_to_delete")}
    arrays |= {f"_embedded.{name}": embedded.get(name) for name in ("tags", "contacts")}
    for path, value in arrays.items():
        whole = value or []
        if not isinstance(whole, list) or not all(isinstance(each, dict) for each in whole):
            yield wrong_type(path, "array")


def may_be_responsible(world: World, account: Account, given: Any) -> bool:
    """Is this a user of the account, or 0, nobody? What becomes of a former one is a switch."""
    if not isinstance(given, int):
        return False
    user = account.users.get(given)
    accepts_former = world.switches.inactive_responsible == "accept"
    return given == 0 or (user is not None and (user.is_active or accepts_former))


def _mistakes_in_lead(account: Account, item: Json) -> Iterator[dict[str, str]]:
    pipeline_id, status_id = item.get("pipeline_id"), item.get("status_id")
    if pipeline_id is not None and pipeline_id not in account.pipelines:
        yield mistake("pipeline_id")
    elif status_id is not None:
        possible = [pipeline_id] if pipeline_id else account.pipelines
        known = {status.id for each in possible for status in account.pipelines[each].statuses}
        if status_id not in known:
            yield mistake("status_id")
    for index, contact in enumerate((item.get("_embedded") or {}).get("contacts") or ()):
        number = contact.get("id")
        if not isinstance(number, int) or account.card("contacts", number) is None:
            yield mistake(f"_embedded.contacts.{index}.id")


def create_contact(
    world: World, account: Account, item: Json, *, by: int, request: Request | None = None
) -> Contact:
    """Write a new contact, never looking for an equal one. `request` lets faults match it."""
    now = world.unix()
    contact = Contact(id=world.number(), created_at=now, created_by=by)
    lag = world.switches.search_lag_s
    fault = world.stage.take(request or Request(method="POST", path=""), {"search_lag"})
    contact.searchable_at = world.now() + (fault.seconds if fault else lag)
    account.contacts[contact.id] = contact
    _write(world, account, contact, item, by=by)
    contact.created_at = item.get("created_at") or now
    contact.created_by = item.get("created_by", by)
    contact.updated_at = item.get("updated_at") or now
    events.record(world, account, "contact_added", contact)
    return contact


def create_lead(world: World, account: Account, item: Json, *, by: int) -> Lead:
    """Write a new lead. It starts in the first stage of its source's pipeline, else of the main."""
    now = world.unix()
    embedded = item.get("_embedded") or {}
    external_id = (embedded.get("source") or {}).get("external_id")
    source = next(
        (each for each in account.sources.values() if each.external_id == external_id), None
    )
    main = source.pipeline_id if source else account.main_pipeline().id
    lead = Lead(id=world.number(), pipeline_id=item.get("pipeline_id") or main, created_by=by)
    lead.status_id = account.pipelines[lead.pipeline_id].first_status()
    lead.source_external_id = external_id
    wanted = embedded.get("contacts") or []
    ordered = sorted(wanted, key=lambda each: not each.get("is_main", False))
    lead.contact_ids = [each["id"] for each in ordered]
    account.leads[lead.id] = lead
    _write(world, account, lead, item, by=by)
    lead.created_at = item.get("created_at") or now
    lead.created_by = item.get("created_by", by)
    lead.updated_at = item.get("updated_at") or now
    lead.name = lead.name or f"Сделка #{lead.id}"
    events.record(world, account, "lead_added", lead)
    return lead


def update(world: World, account: Account, card: Contact | Lead, item: Json, *, by: int) -> None:
    """Change a card and raise the hooks: update, responsible, and for leads status."""
    responsible = card.responsible_user_id
    status = (card.status_id, card.pipeline_id) if isinstance(card, Lead) else None
    _write(world, account, card, item, by=by)
    webhooks.card_changed(world, account, "update", card)
    if card.responsible_user_id != responsible:
        webhooks.card_changed(world, account, "responsible", card)
    if isinstance(card, Lead) and status and (card.status_id, card.pipeline_id) != status:
        webhooks.status_changed(world, account, card, status)
        events.record(world, account, "lead_status_changed", card)


def _write(world: World, account: Account, card: Contact | Lead, item: Json, *, by: int) -> None:
    now = world.unix()
    card.updated_at = now
    card.updated_by = item.get("updated_by", by)
    for name in ("name", "responsible_user_id"):
        if item.get(name) is not None:
            setattr(card, name, item[name])
    replace = world.switches.multitext_replaced
    fields.store(
        account, card.entity, card, item.get("custom_fields_values") or [], replace=replace
    )
    _tag(world, account, card, item)
    if isinstance(card, Contact):
        _write_name(card, item)
    else:
        _write_stage(account, card, item, now)


def _write_name(contact: Contact, item: Json) -> None:
    parts = {name: item[name] for name in ("first_name", "last_name") if item.get(name) is not None}
    if item.get("name") and not parts:
        first, _, last = contact.name.partition(" ")
        parts = {"first_name": first, "last_name": last}
    contact.first_name = parts.get("first_name", contact.first_name)
    contact.last_name = parts.get("last_name", contact.last_name)
    if not item.get("name") and parts:
        contact.name = f"{contact.first_name} {contact.last_name}".strip()


def _write_stage(account: Account, lead: Lead, item: Json, now: int) -> None:
    was_open = lead.is_open
    for name in ("price", "loss_reason_id"):
        if item.get(name) is not None:
            setattr(lead, name, item[name])
    moved = item.get("pipeline_id")
    if moved is not None and moved != lead.pipeline_id:
        lead.pipeline_id = moved
        lead.status_id = account.pipelines[moved].first_status()
    if item.get("status_id") is not None:
        _enter(account, lead, item["status_id"])
    if not was_open and lead.is_open:
        lead.closed_at = None
    elif lead.status_id in (WON, LOST) and lead.closed_at is None:
        lead.closed_at = item.get("closed_at") or now


def _enter(account: Account, lead: Lead, status_id: int) -> None:
    lead.status_id = status_id
    if status_id in (WON, LOST):
        return
    for pipeline in account.pipelines.values():
        if status_id in {status.id for status in pipeline.statuses}:
            lead.pipeline_id = pipeline.id


def _tag(world: World, account: Account, card: Contact | Lead, item: Json) -> None:
    embedded = item.get("_embedded") or {}
    if "tags" in embedded:
        card.tags = [tag_for(world, account, card.entity, each) for each in embedded["tags"] or ()]
    for given in item.get("tags_to_add") or ():
        tag = tag_for(world, account, card.entity, given)
        if tag not in card.tags:
            card.tags.append(tag)
    gone = [tag_for(world, account, card.entity, each) for each in item.get("tags_to_delete") or ()]
    card.tags = [tag for tag in card.tags if tag not in gone]


def tag_for(world: World, account: Account, entity: str, given: Json) -> Json:
    """Return the tag of that id or name from the account's dictionary; a new name enters it."""
    known = account.tags.setdefault(entity, [])
    for tag in known:
        if tag["id"] == given.get("id") or tag["name"] == given.get("name"):
            return tag
    tag = {"id": world.number(), "name": str(given.get("name", "")), "color": None}
    known.append(tag)
    return tag


def delete_contact(world: World, account: Account, contact: Contact) -> None:
    """Move a contact to the bin. Its chats belong to nobody until somebody writes in them."""
    contact.is_deleted = True
    contact.updated_at = world.unix()
    for chat in account.chats.values():
        if chat.contact_id == contact.id:
            chat.contact_id = chat.binding_id = None
    for lead in account.leads_of(contact.id):
        lead.contact_ids.remove(contact.id)
    webhooks.card_changed(world, account, "delete", contact)


def delete_lead(world: World, account: Account, lead: Lead) -> None:
    lead.is_deleted = True
    lead.updated_at = world.unix()
    webhooks.card_changed(world, account, "delete", lead)


def merge_contacts(world: World, account: Account, survivor: Contact, gone: Contact) -> None:
    """Merge as an operator does: what `gone` had moves to `survivor`; `gone` goes to the bin."""
    _hand_over(account, survivor, gone)
    for lead in account.leads_of(gone.id):
        kept = [survivor.id if each == gone.id else each for each in lead.contact_ids]
        lead.contact_ids = list(dict.fromkeys(kept))
    for note in account.notes.values():
        if note.entity == "contacts" and note.entity_id == gone.id:
            note.entity_id = survivor.id
    _merge_fields(account, survivor, gone)
    gone.is_deleted, gone.merged_into = True, survivor.id
    survivor.updated_at = gone.updated_at = world.unix()
    webhooks.card_changed(world, account, "update", survivor)
    webhooks.card_changed(world, account, "delete", gone)
    events.record(world, account, "entity_merged", survivor)


def _hand_over(account: Account, survivor: Contact, gone: Contact) -> None:
    for chat in account.chats.values():
        if chat.contact_id == gone.id:
            chat.contact_id = survivor.id
    for talk in account.talks.values():
        if talk.contact_id == gone.id:
            talk.contact_id = survivor.id
    for item in account.unsorted.values():
        if item.contact_id == gone.id:
            item.contact_id = survivor.id


def _merge_fields(account: Account, survivor: Contact, gone: Contact) -> None:
    for number, values in gone.fields.items():
        held = survivor.fields.setdefault(number, [])
        is_multitext = account.fields["contacts"][number].type == "multitext"
        if is_multitext or not held:
            held.extend(value for value in values if value not in held)
