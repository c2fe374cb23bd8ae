"""REST: contacts and leads, the links between them, and the contacts of chats."""

from collections.abc import Iterator
from typing import Any

from channel_clients.emulators.stage import Response

from . import cards, fields, intake, php, webhooks
from .call import Call, created, page, request_id, sound
from .model import Contact, Json, Lead
from .problems import Refused, empty, hal, invalid, invalid_item, mistake, problem

SEARCHED_DIGITS = 3


def list_cards(call: Call) -> Response:
    """List contacts or leads: `query`, `filter` if the account pays for it, `order`, pages."""
    entity = call.args[0]
    shelf = call.account.cards(entity)
    found: list[Contact | Lead] = [card for card in shelf.values() if _is_listed(call, card)]
    query = call.request.param("query")
    if query:
        found = [card for card in found if _matches(call, card, query)]
    if call.account.is_api_filter_enabled:
        found = [card for card in found if _passes(call, card)]
    for name in ("updated_at", "created_at", "id"):
        for direction in php.chosen(call.request.query, "order", name):
            found.sort(key=lambda card: getattr(card, name), reverse=direction == "desc")
    return page(call, entity, found, lambda card: shown(call, card))


def _is_listed(call: Call, card: Contact | Lead) -> bool:
    if isinstance(card, Lead) and call.wants("only_deleted"):
        return card.is_deleted
    return not card.is_deleted and (call.world.switches.unsorted_listed or not card.is_unsorted)


def _matches(call: Call, card: Contact | Lead, query: str) -> bool:
    """Full-text search is a substring of any filled field; it does not care which."""
    if isinstance(card, Contact) and card.searchable_at > call.world.now():
        return False
    known = call.account.fields[card.entity].values()
    wanted = query.lower()
    digits = "".join(char for char in query if char.isdigit())
    is_number = len(digits) >= SEARCHED_DIGITS and not any(char.isalpha() for char in query)
    return any(
        wanted in text.lower() or (is_number and digits in text)
        for text in fields.filled(card, known)
    )


def _passes(call: Call, card: Contact | Lead) -> bool:
    query = call.request.query
    for name in ("id", "name", "responsible_user_id", "created_by", "updated_by", "pipeline_id"):
        wanted = php.chosen(query, "filter", name)
        if wanted and str(getattr(card, name, "")) not in wanted:
            return False
    for name in ("created_at", "updated_at"):
        lower, upper = php.between(query, "filter", name)
        if not lower <= getattr(card, name) <= upper:
            return False
    for number, known in call.account.fields[card.entity].items():
        wanted = php.chosen(query, "filter", "custom_fields_values", str(number))
        held = {str(value["value"]) for value in card.fields.get(number, ())}
        if wanted and known.type != "multitext" and not held & set(wanted):
            return False
    return True


def get_card(call: Call) -> Response:
    entity, number = call.args
    card = call.account.card(entity, int(number))
    return empty() if card is None else hal(shown(call, card))


def create_cards(call: Call) -> Response:
    entity = call.args[0]
    account, world = call.account, call.world

    def wrong(item: Json) -> Iterator[dict[str, str]]:
        return cards.mistakes(world, account, entity, item)

    answers = []
    for name, item in sound(call, call.batch(), wrong):
        card: Contact | Lead
        if entity == "contacts":
            by = call.token.user_id
            card = cards.create_contact(world, account, item, by=by, request=call.request)
        else:
            card = cards.create_lead(world, account, item, by=call.token.user_id)
        webhooks.card_changed(world, account, "add", card)
        answers.append({"id": card.id, "request_id": name})
    return created(call, entity, answers)


def update_cards(call: Call) -> Response:
    """PATCH of an array, each item with its id."""
    entity = call.args[0]

    def wrong(item: Json) -> list[dict[str, str]]:
        missing = [] if _target(call, item.get("id")) else [mistake("id")]
        return missing + list(cards.mistakes(call.world, call.account, entity, item))

    answers = []
    for name, item in sound(call, call.batch(), wrong):
        card = _target(call, item["id"])
        if card is not None:
            cards.update(call.world, call.account, card, item, by=call.token.user_id)
            answers.append({**_changed(call, card), "request_id": name})
    return hal({"_links": call.link(call.path), "_embedded": {entity: answers}})


def update_card(call: Call) -> Response:
    """PATCH of one; the answer has no envelope."""
    entity, number = call.args
    item = call.one()
    card = _target(call, int(number))
    found = [] if card else [mistake("id")]
    found += list(cards.mistakes(call.world, call.account, entity, item))
    if found or card is None:
        return invalid([{"request_id": "0", "errors": found}])
    cards.update(call.world, call.account, card, item, by=call.token.user_id)
    return hal(_changed(call, card))


def _target(call: Call, number: Any) -> Contact | Lead | None:
    return call.account.card(call.args[0], number) if isinstance(number, int) else None


def _changed(call: Call, card: Contact | Lead) -> Json:
    links = call.link(f"/{card.entity}/{card.id}")
    return {"id": card.id, "name": card.name, "updated_at": card.updated_at, "_links": links}


def shown(call: Call, card: Contact | Lead) -> Json:
    """Render a card as REST reads it."""
    common: Json = {
        "id": card.id,
        "name": card.name,
        "responsible_user_id": card.responsible_user_id,
        "group_id": 0,
        "created_by": card.created_by,
        "updated_by": card.updated_by,
        "created_at": card.created_at,
        "updated_at": card.updated_at,
        "is_deleted": card.is_deleted,
        "closest_task_at": call.account.closest_task_at(card),
        "custom_fields_values": fields.shown(call.account, card.entity, card),
        "account_id": call.account.id,
        "_links": call.link(f"/{card.entity}/{card.id}"),
    }
    embedded: Json = {"tags": card.tags, "companies": []}
    if isinstance(card, Contact):
        if call.wants("leads"):
            leads = [lead for lead in call.account.leads_of(card.id) if not lead.is_deleted]
            embedded["leads"] = [_linked(call, "leads", lead.id) for lead in leads]
        names = {"first_name": card.first_name, "last_name": card.last_name}
        return {**common, **names, "is_unsorted": card.is_unsorted, "_embedded": embedded}
    if call.wants("contacts"):
        embedded["contacts"] = [
            {**_linked(call, "contacts", number), "is_main": index == 0}
            for index, number in enumerate(card.contact_ids)
        ]
    more = {
        "price": card.price,
        "status_id": card.status_id,
        "pipeline_id": card.pipeline_id,
        "loss_reason_id": card.loss_reason_id,
        "closed_at": card.closed_at,
        "score": None,
        "labor_cost": None,
    }
    return {**common, **more, "_embedded": embedded}


def _linked(call: Call, entity: str, number: int) -> Json:
    return {"id": number, "_links": call.link(f"/{entity}/{number}")}


def list_links(call: Call) -> Response:
    entity, number = call.args
    card = call.account.card(entity, int(number))
    if isinstance(card, Contact):
        found = [_link("leads", lead.id) for lead in call.account.leads_of(card.id)]
    elif card is not None:
        found = [
            _link("contacts", each, is_main=index == 0)
            for index, each in enumerate(card.contact_ids)
        ]
    else:
        return problem(404, "Not found")
    return hal({"_links": call.link(call.path), "_embedded": {"links": found}})


def _link(entity: str, number: int, *, is_main: bool | None = None) -> Json:
    metadata = None if is_main is None else {"main_contact": is_main}
    return {"to_entity_id": number, "to_entity_type": entity, "metadata": metadata}


def link_cards(call: Call) -> Response:
    """Link contacts to leads; only the side of the lead may do it."""
    pairs = [_pair(call, item, index) for index, item in enumerate(call.batch())]
    answers = []
    for lead, contact, item in pairs:
        is_main = bool((item.get("metadata") or {}).get("is_main"))
        others = [each for each in lead.contact_ids if each != contact.id]
        is_known = contact.id in lead.contact_ids
        if is_main or not is_known:
            lead.contact_ids = [contact.id, *others] if is_main else [*others, contact.id]
            lead.updated_at = call.world.unix()
            webhooks.card_changed(call.world, call.account, "update", lead)
        main = lead.contact_ids[0] == contact.id
        shown = _link("contacts", contact.id, is_main=main)
        answers.append({"entity_id": lead.id, "entity_type": "leads", **shown})
    return hal(
        {
            "_total_items": len(answers),
            "_links": call.link(call.path),
            "_embedded": {"links": answers},
        }
    )


def unlink_cards(call: Call) -> Response:
    pairs = [_pair(call, item, index) for index, item in enumerate(call.batch())]
    missing = [pair for pair in pairs if pair[1].id not in pair[0].contact_ids]
    if missing and call.world.switches.unlink_missing_status != 204:
        return invalid_item("0", "to_entity_id", "Entities are not linked.", "NotLinked")
    for lead, contact, _ in pairs:
        if contact.id in lead.contact_ids:
            lead.contact_ids.remove(contact.id)
            webhooks.card_changed(call.world, call.account, "update", lead)
    return empty()


def _pair(call: Call, item: Json, index: int) -> tuple[Lead, Contact, Json]:
    entity, number = call.args[0], call.args[1] if len(call.args) > 1 else item.get("entity_id")
    lead = call.account.card(entity, int(number or 0))
    contact = call.account.card("contacts", item.get("to_entity_id", 0))
    is_allowed = item.get("to_entity_type") == "contacts"
    if not (isinstance(lead, Lead) and isinstance(contact, Contact) and is_allowed):
        detail = "The value you selected is not a valid choice."
        raise Refused(invalid_item(request_id(item, index), "to_entity_id", detail))
    return lead, contact, item


def bind_chats(call: Call) -> Response:
    """Give chats to contacts; a chat that has a contact changes hands."""
    answers = []
    wanted = sound(call, call.batch(), lambda item: _mistakes_in_binding(call, item))
    for name, item in wanted:
        chat = call.account.chats[item["chat_id"]]
        if chat.contact_id != item["contact_id"]:
            intake.bind(call.world, chat, item["contact_id"])
        answers.append({**_binding(chat.id, call), "request_id": name})
    return hal({"_total_items": len(answers), "_embedded": {"chats": answers}})


def _mistakes_in_binding(call: Call, item: Json) -> list[dict[str, str]]:
    contact_id = item.get("contact_id")
    found = []
    if not isinstance(contact_id, int) or call.account.card("contacts", contact_id) is None:
        found.append(mistake("contact_id"))
    chat = call.account.chats.get(str(item.get("chat_id")))
    is_ours = chat and call.world.channels[chat.channel_id].client_id == call.token.client_id
    if not is_ours:
        found.append(mistake("chat_id"))
    return found


def list_bindings(call: Call) -> Response:
    chat_ids = set(php.chosen(call.request.query, "chat_id"))
    contact_ids = set(php.chosen(call.request.query, "contact_id"))
    found = [
        _binding(chat.id, call)
        for chat in call.account.chats.values()
        if chat.contact_id and (chat.id in chat_ids or str(chat.contact_id) in contact_ids)
    ]
    if not found:
        return empty()
    return hal({"_total_items": len(found), "_embedded": {"chats": found}})


def _binding(chat_id: str, call: Call) -> Json:
    chat = call.account.chats[chat_id]
    return {"chat_id": chat.id, "contact_id": chat.contact_id, "id": chat.binding_id}
