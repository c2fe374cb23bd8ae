"""Records by the hundred: all or nothing, or with trace ids each for itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from channel_clients.emulators.stage import ConnectionCut, Response

from . import authors, limits, records
from .call import Call, Route, names
from .crm_model import Json, Record
from .kinds import CONTACT
from .problems import Refused, invalid
from .records import EMAIL, Draft
from .rest_objects import OBJECTS, kind_of, race, reads, told, writes
from .world import answer_times

TRACE = "objectWriteTraceId"


def create_many(call: Call) -> Response:
    inputs, kind = call.inputs(), kind_of(call)
    for each in inputs:
        race(call, kind, each.get("properties"))

    def prepare(sent: Json, beside: Sequence[Draft]) -> Draft:
        asked = records.Asked(
            kind, sent.get("properties") or {}, associations=sent.get("associations")
        )
        return records.draft(call.world, call.portal, asked, beside)

    return _write(call, Batch(inputs=inputs, prepare=prepare, status=201))


def update_many(call: Call) -> Response:
    kind, missing = kind_of(call), []
    found: list[tuple[Json, Record]] = []
    for sent in call.inputs():
        by = str(sent.get("idProperty") or "")
        if by == EMAIL:
            raise records.not_unique(kind, by)
        key = str(sent.get("id") or "")
        try:
            found.append((sent, records.find(call.world, call.portal, kind, key, by)))
        except Refused as refused:
            if refused.status != 404:
                raise
            missing.append(key)
    known = {id(sent): record for sent, record in found}

    def prepare(sent: Json, beside: Sequence[Draft]) -> Draft:
        record = known[id(sent)]
        limits.count_write(call.world, call.portal, record.ref)
        changes = sent.get("properties") or {}
        asked = records.Asked(kind, changes, record)
        return records.draft(call.world, call.portal, asked, beside)

    inputs = [sent for sent, _ in found]
    return _write(call, Batch(inputs=inputs, prepare=prepare, missing=missing))


def upsert_many(call: Call) -> Response:
    inputs, kind = call.inputs(), kind_of(call)
    inputs = _without_twins(call, inputs)
    for each in inputs:
        race(call, kind, {"email": each.get("id")} if each.get("idProperty") == EMAIL else None)
        race(call, kind, each.get("properties"))

    def prepare(sent: Json, beside: Sequence[Draft]) -> Draft:
        name, key = str(sent.get("idProperty") or ""), str(sent.get("id") or "")
        record = _known(call, name, key)
        if record is not None:
            limits.count_write(call.world, call.portal, record.ref)
        asked = {name: key, **(sent.get("properties") or {})}
        write = records.Asked(kind, asked, record)
        return records.draft(call.world, call.portal, write, beside)

    return _write(call, Batch(inputs=inputs, prepare=prepare, is_upsert=True))


def _without_twins(call: Call, inputs: list[Json]) -> list[Json]:
    """Refuse a batch that names a record twice, or let its last input win."""
    keyed = {(str(each.get("idProperty")), str(each.get("id"))): each for each in inputs}
    if len(keyed) < len(inputs) and call.world.switches.twin_inputs == "refuse":
        raise invalid("Duplicate IDs found in batch input")
    return list(keyed.values())


def _known(call: Call, name: str, key: str) -> Record | None:
    kind = kind_of(call)
    if name == EMAIL and kind.id == CONTACT:
        if not call.world.switches.email_upsert:
            raise invalid("Cannot upsert a CONTACT when idProperty is set to email.")
        return records.by_email(call.portal, key)
    if name not in records.unique_names(call.portal, kind):
        raise records.not_unique(kind, name)
    if not key:
        raise invalid("The id of an input is empty")
    return records.by_value(call.portal, kind, name, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """`prepare` looks at an input beside the drafts before it; `missing` ids name nothing."""

    inputs: Sequence[Json]
    prepare: Callable[[Json, Sequence[Draft]], Draft]
    status: int = 200
    missing: Sequence[str] = ()
    is_upsert: bool = False


def _write(call: Call, batch: Batch) -> Response:
    """Do a batch. One refusal refuses all of it, unless every input has a trace id."""
    is_partial = bool(batch.inputs) and all(each.get(TRACE) for each in batch.inputs)
    drafts: list[tuple[Json, Draft]] = []
    errors: list[Json] = []
    for sent in batch.inputs:
        try:
            drafts.append((sent, batch.prepare(sent, [made for _, made in drafts])))
        except Refused as refused:
            if not is_partial:
                raise
            errors.append(_error(refused, str(sent[TRACE])))
    errors += list(_lost(call, batch.missing))
    dies = call.world.stage.take(call.request, {"batch_dies"}) is not None
    rows = [
        _done(call, sent, made, is_upsert=batch.is_upsert)
        for sent, made in (drafts[: (len(drafts) + 1) // 2] if dies else drafts)
    ]
    if dies:
        raise ConnectionCut(applied=True)
    return finished(call, rows, errors, batch.status)


def _done(call: Call, sent: Json, made: Draft, *, is_upsert: bool) -> Json:
    is_new = made.record is None
    record = records.commit(call.world, call.portal, made, authors.calling(call))
    kind = kind_of(call)
    asked = (*made.values, *kind.shows, *kind.always)
    row = told(call, record, asked, whole=is_new)
    if sent.get(TRACE) and call.world.switches.results_traced:
        row[TRACE] = str(sent[TRACE])
    return {**row, "new": is_new} if is_upsert else row


def _error(refused: Refused, trace: str) -> Json:
    return {**refused.body, "context": {TRACE: [trace]}}


def _lost(call: Call, missing: Sequence[str]) -> Iterator[Json]:
    """Tell of ids that name nothing, all in one error."""
    if missing:
        name = kind_of(call).singular.upper()
        yield {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Could not get some {name} objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            "context": {"ids": list(missing)},
        }


def finished(call: Call, rows: list[Any], errors: list[Json], status: int) -> Response:
    """Answer a batch, in an order that nobody promised; 207 where a part of it failed."""
    is_reversed = call.world.switches.batch_order == "reversed"
    body: Json = {"status": "COMPLETE", "results": rows[::-1] if is_reversed else rows}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    times = answer_times(call.began, call.world.now())
    return Response.of({**body, **times}, 207 if errors else status)


def read_many(call: Call) -> Response:
    kind, sent = kind_of(call), call.one()
    by = str(sent.get("idProperty") or "")
    asked = (*(names(sent.get("properties")) or kind.shows), *kind.always)
    rows, missing = [], []
    for each in call.inputs():
        key = str(each.get("id") or "")
        try:
            record = records.find(call.world, call.portal, kind, key, by)
        except Refused as refused:
            if refused.status != 404:
                raise
            missing.append(key)
            continue
        rows.append(told(call, record, asked))
    return finished(call, rows, list(_lost(call, missing)), 200)


def archive_many(call: Call) -> Response:
    for each in call.inputs():
        number = str(each.get("id") or "")
        record = call.portal.crm.of(kind_of(call).id).get(int(number) if number.isdigit() else 0)
        if record is not None:
            records.archive(call.world, call.portal, record, authors.calling(call))
    return Response(status=204)


ROUTES = (
    Route("POST", f"{OBJECTS}/batch/create", create_many, writes),
    Route("POST", f"{OBJECTS}/batch/read", read_many, reads),
    Route("POST", f"{OBJECTS}/batch/update", update_many, writes),
    Route("POST", f"{OBJECTS}/batch/upsert", upsert_many, writes),
    Route("POST", f"{OBJECTS}/batch/archive", archive_many, writes),
)
