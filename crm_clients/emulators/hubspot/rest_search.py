"""The search endpoint: how much may be asked, and the page that answers."""

from collections.abc import Iterator
from typing import Any

from channel_clients.emulators.stage import Response

from . import records, searching
from .call import Call, Route, names, objects, offset, paging
from .crm_model import Json
from .kinds import COMMUNICATION, Kind
from .problems import Refused, invalid
from .rest_objects import OBJECTS, kind_of, reads, veiled
from .searching import Filter

LONGEST_BODY, LONGEST_PAGE, LAST_ROW = 3_000, 200, 10_000
GROUPS, IN_GROUP, IN_ALL = 5, 6, 18


def search(call: Call) -> Response:
    kind, sent = kind_of(call), call.one()
    if kind.id == COMMUNICATION and not call.world.switches.communications_searchable:
        raise Refused(400, "Search is not supported for this object type", "VALIDATION_ERROR")
    if len(call.request.body.decode("utf-8", "replace")) > LONGEST_BODY:
        raise invalid(f"The request body is longer than {LONGEST_BODY} characters")
    limit, start = _limit(sent.get("limit")), offset(sent.get("after"))
    if start + limit > LAST_ROW:
        raise invalid(f"Paging past {LAST_ROW} results is not supported")
    groups = [list(_filters(call, kind, group)) for group in _groups(sent)]
    query = str(sent.get("query") or "")
    found = [
        (record, held)
        for record, held in searching.known(call.world, call.portal, kind)
        if searching.has_words(kind, held, query)
        and (not groups or any(all(each.holds(record, held) for each in group) for group in groups))
    ]
    sorts = sent.get("sorts")
    rule = sorts[0] if isinstance(sorts, list) and sorts else None
    rows = searching.ordered(call.portal, kind, found, rule)
    return Response.of(
        {
            "total": len(rows),
            "results": [
                _told(call, sent, record, dict(held))
                for record, held in rows[start : start + limit]
            ],
            **paging(call, start + limit, len(rows)),
        }
    )


def _limit(given: Any) -> int:
    if given is None:
        return 10
    if not str(given).isdigit() or not 1 <= int(given) <= LONGEST_PAGE:
        raise invalid(f"limit must be between 1 and {LONGEST_PAGE}")
    return int(given)


def _groups(sent: Json) -> list[list[Json]]:
    """Read the groups of filters; `filters` alone are one group."""
    named = objects(sent.get("filterGroups"), "filterGroups")
    groups = [objects(group.get("filters"), "filters") for group in named]
    if sent.get("filters"):
        groups.append(objects(sent["filters"], "filters"))
    if len(groups) > GROUPS or any(len(group) > IN_GROUP for group in groups):
        raise invalid(f"There may be {GROUPS} groups of {IN_GROUP} filters")
    if sum(map(len, groups)) > IN_ALL:
        raise invalid(f"There may be {IN_ALL} filters")
    return groups


def _filters(call: Call, kind: Kind, group: list[Json]) -> Iterator[Filter]:
    for sent in group:
        yield Filter(call.world, call.portal, kind, sent)


def _told(call: Call, sent: Json, record: Any, held: dict[str, str]) -> Json:
    """Tell a record as the index knows it."""
    kind = kind_of(call)
    asked = (*(names(sent.get("properties")) or kind.shows), *kind.always)
    shown = {name for name in asked if name in call.portal.crm.properties[kind.id]}
    told = records.told(call.portal, record, ())
    return {
        **told,
        "properties": veiled(call, kind.id, {name: held.get(name) for name in sorted(shown)}),
        "updatedAt": held.get(kind.modified, told["updatedAt"]),
        "archived": False,
    }


ROUTES = (Route("POST", f"{OBJECTS}/search", search, reads),)
