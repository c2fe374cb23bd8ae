"""`crm.timeline.*`: comments, and quiet lines of the log; neither has an id of the writer's."""

from collections.abc import Mapping
from typing import Any

from . import fetching, timeline
from .call import Call, Handler, Page, denied, methods
from .crm_model import ENTITY_IDS, ENTITY_NAMES, Comment, Json, Ref
from .filters import listed, ordered
from .php import whole
from .problems import Refused


def _sent(call: Call) -> Mapping[str, Any]:
    sent = call.exact("fields")
    if not isinstance(sent, Mapping):
        raise Refused(400, "100", "Invalid value {fields} to match with parameter {array}.")
    return sent


def _card_named(call: Call, told: Mapping[str, Any]) -> Ref:
    kind = ENTITY_IDS.get(str(told.get("ENTITY_TYPE") or "").upper(), 0)
    return _existing(call, (kind, whole(told.get("ENTITY_ID"))))


def _existing(call: Call, ref: Ref) -> Ref:
    if call.world.switches.rights_lost:
        raise denied(call.world, "Доступ запрещён")
    if call.portal.crm.card(*ref) is None:
        raise Refused(400, "OWNER_NOT_FOUND", "Владелец не найден")
    return ref


def add(call: Call) -> int:
    """Comment on a card in the caller's name, whatever author was sent."""
    sent = _sent(call)
    ref = _card_named(call, sent)
    text = str(sent.get("COMMENT") or "").strip()
    if not text:
        raise Refused(400, "INVALID_ARG_VALUE", "Empty comment message")
    files = fetching.keep_all(call, sent.get("FILES"))
    by = call.caller.user.id
    return timeline.comment(call.world, call.portal, [ref], (text, files), by=by).id


def _comment(call: Call) -> Comment:
    return _written(call, is_log=False)


def _written(call: Call, *, is_log: bool) -> Comment:
    made = call.portal.crm.comments.get(whole(call.exact("id")))
    if made is None or made.is_deleted or bool(made.title) != is_log:
        raise Refused(400, "", "Not found.")
    return made


def update(call: Call) -> bool:
    made, sent = _comment(call), _sent(call)
    is_theirs = made.author_id == call.caller.user.id
    if call.world.switches.comment_changed_by == "author" and not is_theirs:
        raise denied(call.world, "Доступ запрещён")
    if "COMMENT" in sent:
        made.text = str(sent["COMMENT"]).strip()
    if sent.get("FILES"):
        made.files = fetching.keep_all(call, sent["FILES"])
    timeline.tell(call.world, call.portal, made, "UPDATE", by=call.caller.user.id)
    return True


def delete(call: Call) -> bool:
    made = _comment(call)
    made.is_deleted = True
    timeline.tell(call.world, call.portal, made, "DELETE", by=call.caller.user.id)
    return True


def get(call: Call) -> Json:
    made = _comment(call)
    return _row(call, made, made.bindings[0])


def _row(call: Call, made: Comment, ref: Ref) -> Json:
    return {
        "ID": str(made.id),
        "ENTITY_ID": str(ref[1]),
        "ENTITY_TYPE": ENTITY_NAMES[ref[0]].lower(),
        "CREATED": call.world.iso(made.created),
        "COMMENT": made.text,
        "AUTHOR_ID": str(made.author_id),
        "FILES": {str(each["id"]): _file(call, made, each) for each in made.files} or [],
    }


def _file(call: Call, made: Comment, held: Json) -> Json:
    author = call.portal.users.get(made.author_id)
    url = f"{call.world.base}/{call.portal.slug}/pub/im.file.php"
    link = f"{url}?FILE_ID={held['id']}&SIGN={held['key']}"
    return {
        "id": held["id"],
        "date": call.world.iso(made.created),
        "type": "image" if str(held["mime"]).startswith("image/") else "file",
        "name": held["name"],
        "size": held["size"],
        "authorId": made.author_id,
        "authorName": author.full_name if author else "",
        "urlPreview": link,
        "urlShow": link,
        "urlDownload": link,
    }


def list_all(call: Call) -> Page:
    """List the comments of one card; nothing else can be asked of the filter."""
    ref = _card_named(call, call.choice("filter"))
    kept = call.portal.crm.comments.values()
    there = [each for each in kept if ref in each.bindings and not each.is_deleted]
    rows = [_row(call, each, ref) for each in there if not each.title]
    return listed(call, rows, wanted={})


def bind(call: Call) -> bool:
    made, ref = _binding(call)
    if ref not in made.bindings:
        made.bindings.append(ref)
    return True


def unbind(call: Call) -> bool:
    made, ref = _binding(call)
    if ref in made.bindings and len(made.bindings) > 1:
        made.bindings.remove(ref)
    return True


def _binding(call: Call) -> tuple[Comment, Ref]:
    sent = _sent(call)
    made = call.portal.crm.comments.get(whole(sent.get("OWNER_ID")))
    if made is None or made.is_deleted:
        raise Refused(400, "", "Not found.")
    return made, _card_named(call, sent)


def bindings_of(call: Call) -> list[Json]:
    owner = whole(call.choice("filter").get("OWNER_ID"))
    made = call.portal.crm.comments.get(owner)
    found = made.bindings if made else []
    return [
        {"OWNER_ID": str(owner), "ENTITY_ID": str(n), "ENTITY_TYPE": ENTITY_NAMES[kind].lower()}
        for kind, n in found
    ]


def add_log(call: Call) -> Json:
    """Write a line of the log: it counts nowhere, and raises no event."""
    sent = _sent(call)
    missing = [each for each in ("title", "text", "iconCode") if not sent.get(each)]
    if missing:
        raise Refused(400, "100", f"Could not find value for parameter {{{missing[0]}}}")
    ref = _existing(call, (whole(sent.get("entityTypeId")), whole(sent.get("entityId"))))
    what = (str(sent["title"]), str(sent["text"]), str(sent["iconCode"]))
    made = timeline.log(call.world, call.portal, ref, what, by=call.caller.user.id)
    return {"logMessage": _log(call, made)}


def _log(call: Call, made: Comment) -> Json:
    return {
        "id": made.id,
        "created": call.world.iso(made.created),
        "authorId": made.author_id,
        "title": made.title,
        "text": made.text,
        "iconCode": made.icon,
    }


def get_log(call: Call) -> Json:
    return {"logMessage": _log(call, _written(call, is_log=True))}


def list_logs(call: Call) -> Page:
    ref = _existing(call, (whole(call.exact("entityTypeId")), whole(call.exact("entityId"))))
    kept = call.portal.crm.comments.values()
    there = [each for each in kept if ref in each.bindings and each.title and not each.is_deleted]
    rows = ordered([_log(call, each) for each in there], call.choice("order") or {"id": "ASC"})
    page = listed(call, rows, wanted={}, by="id")
    return Page(value={"logMessages": page.value}, total=page.total, next=page.next)


def delete_log(call: Call) -> list[Any]:
    _written(call, is_log=True).is_deleted = True
    return []


TABLE: dict[str, Handler] = {
    "crm.timeline.comment.add": add,
    "crm.timeline.comment.update": update,
    "crm.timeline.comment.get": get,
    "crm.timeline.comment.list": list_all,
    "crm.timeline.comment.delete": delete,
    "crm.timeline.bindings.bind": bind,
    "crm.timeline.bindings.unbind": unbind,
    "crm.timeline.bindings.list": bindings_of,
    "crm.timeline.logmessage.add": add_log,
    "crm.timeline.logmessage.get": get_log,
    "crm.timeline.logmessage.list": list_logs,
    "crm.timeline.logmessage.delete": delete_log,
}
METHODS = methods(TABLE, "crm")
