"""What the CRM holds, and what came to it between two looks, in the words of a rehearsal."""

from collections.abc import Iterable
from typing import Any

from middleware.outbox.effects import Effect, is_stand_in
from tests.journeys.town import ACCOUNT, Town

Told = dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]
CHANGING = frozenset({"POST", "PATCH", "PUT", "DELETE"})
BOOKS = ("deliveries", "lanes", "attempts", "contact_links", "conversation_links", "deals", "names")


def changing_calls(town: Town) -> list[str]:
    """Every call that reached the CRM to change something."""
    log = town.amocrm.stage.log
    return [f"{line.method} {line.path}" for line in log if line.method in CHANGING]


def crm_holds(town: Town) -> dict[str, Any]:
    """Everything in the account, to be compared."""
    return {
        "contacts": town.amocrm.contacts(ACCOUNT),
        "leads": town.amocrm.leads(ACCOUNT),
        "chats": town.timeline(),
        "calls": changing_calls(town),
    }


async def books(town: Town) -> dict[str, Any]:
    """Everything that the hub itself remembers of what it owes and of the CRM's side."""
    digest = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"
    return {table: await town.rows(digest.format(table)) for table in BOOKS}


def told(effects: Iterable[Effect]) -> Told:
    """Lines by step and part; a stand-in is as good as any id."""
    return {(line.step, line.name): (_known(line.before), _known(line.after)) for line in effects}


def _known(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("new" if is_stand_in(value) else value for value in values)


def came(before: dict[str, Any], after: dict[str, Any]) -> Told:
    """What really came to the CRM."""
    cards = {each["id"]: each for each in before["contacts"]}
    deals = {each["id"]: each for each in before["leads"]}
    found: Told = {}
    for card in after["contacts"]:
        was = cards.get(card["id"])
        step = "create_record" if was is None else "add_to_record"
        if was is None:
            found[step, "name"] = (), (card["name"],)
        for part in ("phones", "emails"):
            has = tuple(was[part]) if was else ()
            if has != tuple(card[part]):
                found[step, part] = has, tuple(card[part])
        found |= _filled("contact", was, card)
    for deal in after["leads"]:
        was = deals.get(deal["id"])
        if was is None:
            found["create_deal", "title"] = (), (deal["name"],)
            found["create_deal", "record"] = (), _ids(deal["contact_ids"], cards)
        found |= _filled("deal", was, deal)
    return found | _said(before, after, cards)


def _filled(entity: str, was: dict[str, Any] | None, card: dict[str, Any]) -> Told:
    """Fields of the account's own, which mappings fill."""
    there, found = _fields(was or {}), _fields(card)
    return {
        ("write_fields", name if name == "tags" else f"{entity}.{name}"): (there.get(name, ()), now)
        for name, now in found.items()
        if now != there.get(name, ())
    }


def _fields(card: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    held = {
        each["field_name"]: tuple(str(value["value"]) for value in each["values"])
        for each in card.get("custom_fields_values", ())
        if each["field_type"] != "multitext" and not each["field_name"].startswith("Threadline")
    }
    return held | {"tags": tuple(card.get("tags", ()))}


def _said(before: dict[str, Any], after: dict[str, Any], known: dict[int, Any]) -> Told:
    chats = {chat.chat_id: len(chat.messages) for chat in before["chats"]}
    found: Told = {}
    for chat in after["chats"]:
        if chat.chat_id not in chats:
            found["open_conversation", "record"] = (), _ids([chat.contact_id], known)
            for first in chat.messages[:1]:
                found["open_conversation", "customer"] = (), (first.sender_name,)
        for message in chat.messages[chats.get(chat.chat_id, 0) :]:
            for part, value in (
                ("text", message.text),
                ("file", message.content.get("file_name")),
                ("quoted", (message.reply_to or {}).get("id")),
            ):
                if value:
                    found["write", part] = (), (str(value),)
    return found


def _ids(ids: Iterable[int], known: dict[int, Any]) -> tuple[str, ...]:
    return tuple(str(each) if each in known else "new" for each in ids)
