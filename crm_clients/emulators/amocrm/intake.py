"""What a chat message sets off in the account: a contact, an unsorted lead, a talk."""

from . import cards, events, webhooks
from .model import Account, Chat, ChatMessage, Contact, Json, Lead, Person, Talk, Unsorted
from .world import World

WORK = {"enum_code": "WORK"}


def take_in(
    world: World, account: Account, chat: Chat, message: ChatMessage, *, silent: bool
) -> None:
    """Give the chat an owner and, unless silent, the owner an unsorted lead; tell of it all."""
    contact = account.contacts.get(chat.contact_id) if chat.contact_id else None
    was_bound = contact is not None
    if contact is None:
        contact = _contact_for(world, account, chat)
    is_news = message.direction == "incoming" and not silent
    has_open_lead = any(lead.is_open for lead in account.leads_of(contact.id))
    if is_news and not has_open_lead and (not was_bound or world.switches.unsorted_for_bound):
        contact.is_unsorted = contact.is_unsorted or not was_bound
        _unsorted_for(world, account, chat, message)
    note_in_talk(world, account, chat, message)
    if world.switches.own_messages_raise_hook:
        webhooks.message_added(world, account, chat, message)


def note_in_talk(world: World, account: Account, chat: Chat, message: ChatMessage) -> None:
    """Open a talk or continue the one in work, and leave the event behind."""
    now = world.unix()
    talk = talk_of(account, chat)
    leads = [each for each in account.leads_of(chat.contact_id or 0) if each.is_open]
    lead_id = leads[-1].id if leads else None
    if talk is None:
        talk = Talk(
            id=world.number(),
            chat_id=chat.id,
            contact_id=chat.contact_id,
            lead_id=lead_id,
            origin=world.channels[chat.channel_id].code,
            created_at=now,
            updated_at=now,
        )
        account.talks[talk.id] = talk
        webhooks.talk_changed(world, account, "add", talk)
    else:
        talk.updated_at, talk.contact_id, talk.lead_id = now, chat.contact_id, lead_id
        talk.is_read = message.direction == "outgoing"
        webhooks.talk_changed(world, account, "update", talk)
    contact = account.contacts.get(chat.contact_id or 0)
    if contact is not None:
        kind = f"{message.direction}_chat_message"
        events.record(world, account, kind, contact, {"message": {"id": message.id}})


def talk_of(account: Account, chat: Chat) -> Talk | None:
    """Return the talk in work of a chat."""
    talks = (each for each in account.talks.values() if each.chat_id == chat.id)
    return next((each for each in talks if each.is_in_work), None)


def bind(world: World, chat: Chat, contact_id: int) -> None:
    """Make the chat the contact's; it stops being anybody else's."""
    chat.contact_id, chat.binding_id = contact_id, world.number()


def _contact_for(world: World, account: Account, chat: Chat) -> Contact:
    person = account.people[chat.person_id]
    contact = cards.create_contact(world, account, _as_contact(person), by=0)
    bind(world, chat, contact.id)
    webhooks.card_changed(world, account, "add", contact)
    return contact


def _as_contact(person: Person) -> Json:
    filled = [
        {"field_code": code, "values": [{"value": value, **WORK}]}
        for code, value in (("PHONE", person.phone), ("EMAIL", person.email))
        if value
    ]
    return {"name": person.name, "custom_fields_values": filled}


def _unsorted_for(world: World, account: Account, chat: Chat, message: ChatMessage) -> None:
    contact = account.contacts[chat.contact_id or 0]
    channel = world.channels[chat.channel_id]
    body: Json = {"_embedded": {"contacts": [{"id": contact.id}]}}
    if chat.source_external_id:
        body["_embedded"]["source"] = {"external_id": chat.source_external_id}
    lead = cards.create_lead(world, account, body, by=0)
    lead.status_id = account.pipelines[lead.pipeline_id].unsorted_status()
    lead.is_unsorted = True
    metadata = {
        "from": contact.name,
        "to": channel.title,
        "received_at": world.unix(),
        "service": channel.code,
        "client": {"name": contact.name, "avatar": account.people[chat.person_id].avatar},
        "origin": {"chat_id": chat.id, "ref": "", "visitor_uid": ""},
        "last_message_text": message.text,
        "source_name": channel.title,
    }
    item = Unsorted(
        uid=world.hex(58),
        chat_id=chat.id,
        contact_id=contact.id,
        lead_id=lead.id,
        pipeline_id=lead.pipeline_id,
        source_name=channel.title,
        created_at=world.unix(),
        metadata=metadata,
    )
    account.unsorted[item.uid] = item
    webhooks.unsorted_changed(world, account, item)


def accept(
    world: World, account: Account, item: Unsorted, *, user_id: int, status_id: int | None
) -> Lead:
    """Take the item out of the unsorted; its cards become ordinary ones."""
    del account.unsorted[item.uid]
    lead, contact = account.leads[item.lead_id], account.contacts[item.contact_id]
    pipeline = account.pipelines[item.pipeline_id]
    lead.status_id = status_id or pipeline.first_status()
    lead.is_unsorted = False
    lead.responsible_user_id = lead.updated_by = user_id
    lead.updated_at = world.unix()
    if contact.is_unsorted:
        contact.is_unsorted = False
        contact.responsible_user_id = user_id
    webhooks.unsorted_changed(world, account, item, "accept")
    webhooks.card_changed(world, account, "add", lead)
    return lead


def decline(world: World, account: Account, item: Unsorted) -> None:
    """Move the item's lead, and the contact it brought along, to the bin."""
    del account.unsorted[item.uid]
    contact = account.contacts[item.contact_id]
    webhooks.unsorted_changed(world, account, item, "decline")
    account.leads[item.lead_id].is_deleted = True
    if contact.is_unsorted and not contact.is_deleted:
        cards.delete_contact(world, account, contact)


def link(
    world: World, account: Account, item: Unsorted, *, lead: Lead, contact_id: int | None
) -> None:
    """Attach the item's chat to a lead that exists, instead of the one it brought along."""
    del account.unsorted[item.uid]
    account.leads[item.lead_id].is_deleted = True
    owner = contact_id or (lead.contact_ids[0] if lead.contact_ids else item.contact_id)
    brought = account.contacts[item.contact_id]
    chat = account.chats[item.chat_id]
    bind(world, chat, owner)
    if owner not in lead.contact_ids:
        lead.contact_ids.append(owner)
    if brought.is_unsorted and brought.id != owner:
        cards.delete_contact(world, account, brought)
    talk = talk_of(account, chat)
    if talk is not None:
        talk.contact_id, talk.lead_id = owner, lead.id
        webhooks.talk_changed(world, account, "update", talk)
    webhooks.unsorted_changed(world, account, item, "accept")
