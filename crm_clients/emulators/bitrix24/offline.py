"""`event.offline.*`: events that wait to be fetched, and are reserved while they are worked on."""

from collections.abc import Iterable

from .call import Call, Handler, denied, is_yes, methods
from .filters import chosen, ordered
from .model import Json, QueuedEvent
from .php import whole
from .problems import Refused

PAGE = 50


def _waiting(call: Call) -> list[QueuedEvent]:
    return [each for each in call.installation.queue if not each.process_id]


def _row(call: Call, queued: QueuedEvent) -> Json:
    return {
        "ID": str(queued.id),
        "TIMESTAMP_X": call.world.iso(queued.at),
        "EVENT_NAME": queued.event,
        "EVENT_DATA": queued.data,
        "EVENT_ADDITIONAL": {"user_id": str(queued.user_id)},
        "MESSAGE_ID": queued.message_id,
    }


def _rows(call: Call, kept: Iterable[QueuedEvent]) -> list[Json]:
    rows = chosen([_row(call, each) for each in kept], call.choice("filter"))
    return ordered(rows, call.choice("order") or {"ID": "ASC"})


def get(call: Call) -> Json:
    """Fetch events: for good, or with `clear` 0 under a process that will clear them later.

    Whoever names a process of theirs reads again what it has reserved.
    """
    limit = min(whole(call.get("limit"), PAGE), PAGE)
    process = str(call.get("process_id") or "")
    clears = call.get("clear") is None or is_yes(call.get("clear"))
    if process:
        theirs = [each for each in call.installation.queue if each.process_id == process]
        return {"process_id": process, "events": _rows(call, theirs)[:limit]}
    if not clears:
        _require_reserving(call)
    rows = _rows(call, _waiting(call))[:limit]
    if clears:
        _drop(call, {row["ID"] for row in rows})
        return {"process_id": None, "events": rows}
    process = call.world.hex(32)
    taken = {row["ID"] for row in rows}
    for each in call.installation.queue:
        if str(each.id) in taken:
            each.process_id = process
    return {"process_id": process, "events": rows}


def _require_reserving(call: Call) -> None:
    if not call.world.switches.offline_extended:
        raise Refused(403, "WRONG_LICENSE", "The feature is not in the plan")


def _drop(call: Call, ids: set[str]) -> None:
    queue = call.installation.queue
    queue[:] = [each for each in queue if str(each.id) not in ids]


def _named(call: Call) -> list[QueuedEvent]:
    """Return what a process has reserved, or those of it that are named."""
    process = str(call.need("process_id"))
    theirs = [each for each in call.installation.queue if each.process_id == process]
    ids = call.get("id")
    names = call.get("message_id")
    if isinstance(ids, list):
        return [each for each in theirs if str(each.id) in map(str, ids)]
    if isinstance(names, list):
        return [each for each in theirs if each.message_id in names]
    return theirs


def clear(call: Call) -> bool:
    _drop(call, {str(each.id) for each in _named(call)})
    return True


def fail(call: Call) -> bool:
    """Mark events that could not be worked on; they stay reserved."""
    for each in _named(call):
        each.is_failed = True
    return True


def list_all(call: Call) -> list[Json]:
    """Look at everything that waits, reserved or not."""
    if not call.caller.user.is_admin:
        raise denied(call.world, "Access denied!")
    return _rows(call, call.installation.queue)


TABLE: dict[str, Handler] = {
    "event.offline.get": get,
    "event.offline.clear": clear,
    "event.offline.error": fail,
    "event.offline.list": list_all,
}
METHODS = methods(TABLE, is_for_applications=True)
