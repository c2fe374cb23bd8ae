"""Ties between records: of one record, by the thousand, and the types that there are."""

from collections.abc import Callable, Sequence
from typing import Any

from channel_clients.emulators.stage import Response

from . import authors, links, records
from .call import Call, Route, page_of
from .crm_model import Json, Link, Record, Ref
from .kinds import DEFINED as KINDS_DEFINED
from .kinds import Kind, named, record_id
from .links import DEFAULTS, DEFINED, NAMED, Tie
from .problems import Refused, invalid
from .rest_batch import finished
from .rest_objects import OBJECTS, kind_of, reads, writes

OF_RECORD = f"{OBJECTS}/([^/]+)/associations"
BATCH = f"associations/({KINDS_DEFINED})/({KINDS_DEFINED})"
READ_MOST, WRITTEN_MOST, LONGEST_PAGE = 1_000, 2_000, 500


def _told(call: Call, number: int) -> int | str:
    """Ids of ends are numbers in the guides, and strings in the specification."""
    return number if call.world.switches.association_ids == "numbers" else str(number)


def _type(link: Link) -> Json:
    return {"category": link.category, "typeId": link.type_id, "label": link.label}


def _row(call: Call, number: int, tied: Sequence[Link]) -> Json:
    return {"toObjectId": _told(call, number), "associationTypes": [_type(each) for each in tied]}


def _ends(call: Call) -> tuple[Record, Kind, Record]:
    there = named(call.args[2])
    here = records.find(call.world, call.portal, kind_of(call), call.args[1])
    return here, there, records.find(call.world, call.portal, there, call.args[3])


def list_ties(call: Call) -> Response:
    here = records.find(call.world, call.portal, kind_of(call), call.args[1])
    tied = links.of(call.portal, here.ref, named(call.args[2]).id)
    rows = [_row(call, number, each) for number, each in tied.items()]
    return page_of(call, rows, most=LONGEST_PAGE, default=LONGEST_PAGE)


def put_default(call: Call) -> Response:
    here, _, there = _ends(call)
    made = links.default_tie(here.kind, there.ref)
    links.make(call.world, call.portal, here, [made], authors.calling(call))
    return finished(call, _both_ways(here, made), [], 200)


def _both_ways(here: Record, made: Tie) -> list[Json]:
    (_, number), other = made.to, here.id
    sides = ((other, number, made.type_id), (number, other, made.back_id))
    return [
        {
            "from": {"id": str(begins)},
            "to": {"id": str(ends)},
            "associationSpec": {"associationCategory": DEFINED, "associationTypeId": type_id},
        }
        for begins, ends, type_id in sides
    ]


def put_labelled(call: Call) -> Response:
    """Tie two records by these types and no others."""
    here, _, there = _ends(call)
    sent = call.json()
    if not isinstance(sent, list) or not sent:
        raise invalid("A list of association types is expected")
    ties = [_tie(here.kind, there.ref, each) for each in sent]
    held = call.portal.crm.links
    wanted = {each.type_id for each in ties}
    for begins, ends, keeps in (
        (here.ref, there.ref, wanted),
        (there.ref, here.ref, {each.back_id for each in ties}),
    ):
        old = held.get(begins, {}).get(ends, [])
        held.setdefault(begins, {})[ends] = [each for each in old if each.type_id in keeps]
    links.make(call.world, call.portal, here, ties, authors.calling(call))
    return Response.of(_pair_told(call, here, there.ref, ties), 201)


def _pair_told(call: Call, here: Record, to: Ref, ties: Sequence[Tie]) -> Json:
    kind, number = to
    return {
        "fromObjectTypeId": here.kind,
        "fromObjectId": _told(call, here.id),
        "toObjectTypeId": kind,
        "toObjectId": _told(call, number),
        "labels": [each.label for each in ties if each.label],
    }


def _tie(here: str, to: Ref, sent: Any) -> Tie:
    try:
        category = str(sent["associationCategory"])
        type_id = int(sent["associationTypeId"])
    except (KeyError, TypeError, ValueError):
        raise invalid("associationCategory and associationTypeId are required") from None
    return links.tie(here, to, category, type_id)


def cut_ties(call: Call) -> Response:
    there = (named(call.args[2]).id, record_id(call.args[3]))
    here = (kind_of(call).id, record_id(call.args[1]))
    links.cut(call.world, call.portal, (here, there), authors.calling(call))
    return Response(status=204)


def read_many(call: Call) -> Response:
    here, there = kind_of(call), named(call.args[1])
    rows: list[Json] = []
    errors: list[Json] = []
    for each in call.inputs(READ_MOST):
        key = str(each.get("id") or "")
        tied = links.of(call.portal, (here.id, record_id(key)), there.id)
        if tied:
            to = [_row(call, number, found) for number, found in tied.items()]
            rows.append({"from": {"id": key}, "to": to})
        else:
            errors.append(_untied(here, there, key))
    return finished(call, rows, errors, 200)


def _untied(here: Kind, there: Kind, key: str) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {there.singular} is associated with {here.singular} {key}.",
        "context": {
            "fromObjectId": [key],
            "fromObjectType": [here.id],
            "toObjectType": [there.id],
        },
    }


def create_many(call: Call) -> Response:
    def read(here: Record, to: Ref, sent: Json) -> list[Tie]:
        return [_tie(here.kind, to, each) for each in sent.get("types") or []]

    rows = [_pair_told(call, here, there.ref, ties) for here, there, ties in _tied(call, read)]
    return finished(call, rows, [], 200 if call.version == "2026-09" else 201)


def default_many(call: Call) -> Response:
    made = _tied(call, lambda here, to, _: [links.default_tie(here.kind, to)])
    rows = [row for here, _, ties in made for each in ties for row in _both_ways(here, each)]
    return finished(call, rows, [], 200)


Tied = tuple[Record, Record, list[Tie]]


def _tied(call: Call, read: Callable[[Record, Ref, Json], list[Tie]]) -> list[Tied]:
    """Tie pairs of records; a pair whose types or ends are wrong refuses all of them."""
    pairs = [_pair(call, each) for each in call.inputs(WRITTEN_MOST)]
    made = [(here, there, read(here, there.ref, sent)) for here, there, sent in pairs]
    for here, _, ties in made:
        links.make(call.world, call.portal, here, ties, authors.calling(call))
    return made


def _pair(call: Call, sent: Json) -> tuple[Record, Record, Json]:
    try:
        ends = str(sent["from"]["id"]), str(sent["to"]["id"])
    except (KeyError, TypeError):
        raise invalid("from.id and to.id are required") from None
    here, there = kind_of(call), named(call.args[1])
    return (
        records.find(call.world, call.portal, here, ends[0]),
        records.find(call.world, call.portal, there, ends[1]),
        sent,
    )


def archive_many(call: Call) -> Response:
    here, there = kind_of(call), named(call.args[1])
    for each in call.inputs(WRITTEN_MOST):
        others = each.get("to")
        if not isinstance(others, list):
            raise invalid("to must be a list of ids")
        for other in others:
            try:
                ends = ((here.id, int(each["from"]["id"])), (there.id, int(other["id"])))
            except (KeyError, TypeError, ValueError):
                raise invalid("from.id and to.id are required") from None
            links.cut(call.world, call.portal, ends, authors.calling(call))
    return Response(status=204) if call.version == "v4" else finished(call, [], [], 200)


def list_labels(call: Call) -> Response:
    here, there = kind_of(call), named(call.args[1])
    if (here.id, there.id) not in DEFAULTS:
        raise Refused(400, "These objects cannot be associated", "VALIDATION_ERROR")
    rows: list[Json] = [
        {"category": DEFINED, "typeId": type_id, "label": label}
        for (begins, ends, type_id), (_, label) in NAMED.items()
        if (begins, ends) == (here.id, there.id)
    ]
    forth, _ = DEFAULTS[here.id, there.id]
    return Response.of({"results": [*rows, {"category": DEFINED, "typeId": forth, "label": None}]})


TO = f"({KINDS_DEFINED})/([^/]+)"
ROUTES = (
    Route("GET", f"{OF_RECORD}/({KINDS_DEFINED})", list_ties, reads),
    Route("PUT", f"{OF_RECORD}/default/{TO}", put_default, writes),
    Route("PUT", f"{OF_RECORD}/{TO}", put_labelled, writes),
    Route("DELETE", f"{OF_RECORD}/{TO}", cut_ties, writes),
    Route("POST", f"{BATCH}/batch/read", read_many, reads),
    Route("POST", f"{BATCH}/batch/create", create_many, writes),
    Route("POST", f"{BATCH}/batch/associate/default", default_many, writes),
    Route("POST", f"{BATCH}/batch/archive", archive_many, writes),
    Route("GET", f"{BATCH}/labels", list_labels, reads),
)
