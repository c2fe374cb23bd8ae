"""REST: unsorted leads, talks, and the sources that messages come from."""

from collections import Counter
from typing import Any

from channel_clients.emulators.stage import Response

from . import intake, operators, php
from .call import Call, page, sound
from .model import Json, Lead, Source, Talk, Unsorted
from .problems import Refused, empty, hal, invalid_item, mistake, problem

SOURCES_IN_A_CALL = 50


def list_unsorted(call: Call) -> Response:
    query = call.request.query
    found = list(call.account.unsorted.values())
    uids = php.chosen(query, "filter", "uid")
    categories = php.chosen(query, "filter", "category")
    pipelines = php.chosen(query, "filter", "pipeline_id")
    found = [
        item
        for item in found
        if (not uids or item.uid in uids)
        and (not categories or "chats" in categories)
        and (not pipelines or str(item.pipeline_id) in pipelines)
    ]
    if "desc" in php.chosen(query, "order", "created_at"):
        found.reverse()
    return page(call, "unsorted", found, lambda item: _shown_unsorted(call, item))


def get_unsorted(call: Call) -> Response:
    item = call.account.unsorted.get(call.args[0])
    return empty() if item is None else hal(_shown_unsorted(call, item))


def unsorted_summary(call: Call) -> Response:
    total = len(call.account.unsorted)
    categories = {name: {"total": 0} for name in ("sip", "mail", "forms")}
    return hal(
        {
            "total": total,
            "accepted": 0,
            "declined": 0,
            "average_sort_time": 0,
            "categories": {**categories, "chats": {"total": total}},
        }
    )


def accept(call: Call) -> Response:
    item, sent = _item(call), _optional_body(call)
    shown = _shown_unsorted(call, item)
    user_id = sent.get("user_id") or call.token.user_id
    status_id = sent.get("status_id")
    pipeline = call.account.pipelines[item.pipeline_id]
    if status_id is not None and status_id not in {status.id for status in pipeline.statuses}:
        return invalid_item("0", "status_id", "The value you selected is not a valid choice.")
    intake.accept(call.world, call.account, item, user_id=user_id, status_id=status_id)
    return hal(shown)


def decline(call: Call) -> Response:
    item = _item(call)
    shown = _shown_unsorted(call, item)
    intake.decline(call.world, call.account, item)
    return hal(shown)


def link(call: Call) -> Response:
    item, wanted = _item(call), call.one().get("link") or {}
    lead = call.account.card("leads", wanted.get("entity_id", 0))
    contact_id = (wanted.get("metadata") or {}).get("contact_id")
    is_known = contact_id is None or call.account.card("contacts", contact_id)
    if not isinstance(lead, Lead) or not is_known or wanted.get("entity_type") != "leads":
        return invalid_item("0", "link.entity_id", "The value you selected is not a valid choice.")
    shown = _shown_unsorted(call, item)
    intake.link(call.world, call.account, item, lead=lead, contact_id=contact_id)
    return hal(shown)


def _item(call: Call) -> Unsorted:
    item = call.account.unsorted.get(call.args[0])
    if item is None:
        raise Refused(problem(404, "Requested entity not found"))
    return item


def _optional_body(call: Call) -> Json:
    return call.one() if call.request.body else {}


def _shown_unsorted(call: Call, item: Unsorted) -> Json:
    contact = {"id": item.contact_id, "_links": call.link(f"/contacts/{item.contact_id}")}
    lead = {"id": item.lead_id, "_links": call.link(f"/leads/{item.lead_id}")}
    return {
        "uid": item.uid,
        "source_uid": item.chat_id,
        "source_name": item.source_name,
        "category": "chats",
        "pipeline_id": item.pipeline_id,
        "created_at": item.created_at,
        "metadata": item.metadata,
        "account_id": call.account.id,
        "_links": call.link(f"/leads/unsorted/{item.uid}"),
        "_embedded": {"contacts": [contact], "leads": [lead], "companies": []},
    }


def list_talks(call: Call) -> Response:
    """The list belongs to Kommo's add-on; without it the address does not exist."""
    _require_add_on(call)
    found = list(call.account.talks.values())
    wanted = php.chosen(call.request.query, "filter", "contact_id")
    found = [talk for talk in found if not wanted or str(talk.contact_id) in wanted]
    if php.chosen(call.request.query, "filter", "only_in_work"):
        found = [talk for talk in found if talk.is_in_work]
    return page(call, "talks", found, lambda talk: _shown_talk(call, talk))


def get_talk(call: Call) -> Response:
    return hal(_shown_talk(call, _talk(call)))


def close_talk(call: Call) -> Response:
    talk = _talk(call)
    if not talk.is_in_work:
        return problem(422, "Talk is already closed")
    operators.end_talk(call.world, call.account, talk)
    return empty(202)


def talk_messages(call: Call) -> Response:
    _require_add_on(call)
    chat = call.account.chats[_talk(call).chat_id]
    return page(call, "messages", list(reversed(chat.messages)), _shown_message)


def send_talk_message(call: Call) -> Response:
    """Kommo's way to write without a channel of one's own: as the user of the token."""
    _require_add_on(call)
    talk, text = _talk(call), call.one().get("text")
    if not talk.is_in_work:
        return problem(422, "Talk is closed")
    if not isinstance(text, str) or not text:
        return invalid_item("0", "text", "This value should not be blank.", "NotBlank")
    chat = call.account.chats[talk.chat_id]
    reply = operators.say(call.world, call.account, chat, text, user_id=call.token.user_id)
    return hal({"id": reply.message.id}, 202)


def _require_add_on(call: Call) -> None:
    if not call.world.switches.talk_messages:
        raise Refused(problem(404, "Not found"))


def _talk(call: Call) -> Talk:
    talk = call.account.talks.get(int(call.args[0]))
    if talk is None:
        raise Refused(problem(404, "Requested entity not found"))
    return talk


def _shown_message(message: Any) -> Json:
    return {
        "id": message.id,
        "type": message.direction,
        "message_type": message.content["type"],
        "author": {"type": "internal" if message.by_operator else "external"},
        "text": message.text,
        "created_at": message.timestamp_ms // 1000,
    }


def _shown_talk(call: Call, talk: Talk) -> Json:
    contacts = [{"id": talk.contact_id}] if talk.contact_id else []
    leads = [{"id": talk.lead_id}] if talk.lead_id else []
    return {
        "talk_id": talk.id,
        "created_at": talk.created_at,
        "updated_at": talk.updated_at,
        "rate": 0,
        "contact_id": talk.contact_id,
        "chat_id": talk.chat_id,
        "entity_id": talk.lead_id,
        "entity_type": "lead" if talk.lead_id else None,
        "is_in_work": talk.is_in_work,
        "is_read": talk.is_read,
        "origin": talk.origin,
        "missed_at": None,
        "account_id": call.account.id,
        "_links": call.link(f"/talks/{talk.id}"),
        "_embedded": {"contacts": contacts, "leads": leads, "customers": []},
    }


def list_sources(call: Call) -> Response:
    if not call.integration.has_archive:
        return problem(403, "Forbidden")
    wanted = php.chosen(call.request.query, "filter", "external_id")
    found = [source for source in _own(call) if not wanted or source.external_id in wanted]
    return page(call, "sources", found, lambda source: _shown_source(call, source))


def get_source(call: Call) -> Response:
    found = next((each for each in _own(call) if each.id == int(call.args[0])), None)
    return empty() if found is None else hal(_shown_source(call, found))


def _own(call: Call) -> list[Source]:
    sources = call.account.sources.values()
    return [source for source in sources if source.client_id == call.token.client_id]


def create_sources(call: Call) -> Response:
    if not call.integration.has_archive:
        return problem(401, "Unauthorized")
    items = call.batch()
    limit = call.world.switches.source_limit
    if len(items) > SOURCES_IN_A_CALL or len(_own(call)) + len(items) > limit:
        return problem(400, "Sources limit is exceeded")
    repeated = Counter(str(item.get("external_id")) for item in items)
    answers = []
    for name, item in sound(call, items, lambda item: _mistakes_in_source(call, item, repeated)):
        source = Source(
            id=call.world.number(),
            client_id=call.token.client_id,
            name=item["name"],
            external_id=item["external_id"],
            pipeline_id=item.get("pipeline_id") or call.account.main_pipeline().id,
            origin_code=item.get("origin_code"),
            services=item.get("services") or [],
        )
        call.account.sources[source.id] = source
        _make_default(call, source, wanted=bool(item.get("default")))
        answers.append({**_shown_source(call, source), "request_id": name})
    return hal({"_total_items": len(answers), "_embedded": {"sources": answers}})


def _mistakes_in_source(call: Call, item: Json, repeated: Counter[str]) -> list[dict[str, str]]:
    found = []
    if not isinstance(item.get("name"), str) or not item["name"]:
        found.append(mistake("name", "This value should not be blank.", "NotBlank"))
    external_id = item.get("external_id")
    if not isinstance(external_id, str) or not external_id.isascii() or not external_id:
        found.append(mistake("external_id"))
    elif len(external_id) > call.world.switches.source_id_limit:
        found.append(mistake("external_id", "This value is too long.", "TooLong"))
    elif repeated[external_id] > 1 or external_id in {each.external_id for each in _own(call)}:
        found.append(mistake("external_id", "This value is already used.", "NotUnique"))
    if item.get("pipeline_id") not in (None, *call.account.pipelines):
        found.append(mistake("pipeline_id"))
    return found


def update_source(call: Call) -> Response:
    source = next((each for each in _own(call) if each.id == int(call.args[0])), None)
    if source is None:
        return problem(404, "Requested entity not found")
    item = call.one()
    for name in ("name", "pipeline_id", "services"):
        if item.get(name) is not None:
            setattr(source, name, item[name])
    _make_default(call, source, wanted=bool(item.get("default", source.is_default)))
    return hal(_shown_source(call, source))


def _make_default(call: Call, source: Source, *, wanted: bool) -> None:
    if wanted:
        for each in _own(call):
            each.is_default = False
    source.is_default = wanted


def delete_source(call: Call) -> Response:
    if int(call.args[0]) not in {source.id for source in _own(call)}:
        return problem(404, "Requested entity not found")
    del call.account.sources[int(call.args[0])]
    return empty()


def _shown_source(call: Call, source: Source) -> Json:
    return {
        "id": source.id,
        "name": source.name,
        "pipeline_id": source.pipeline_id,
        "external_id": source.external_id,
        "services": source.services,
        "default": source.is_default,
        "origin_code": source.origin_code,
        "_links": call.link(f"/sources/{source.id}"),
    }
