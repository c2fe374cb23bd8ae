"""Records one by one: lists, reading, making, changing, the bin, merges."""

from collections.abc import Iterable

from channel_clients.emulators.stage import Response

from . import authors, limits, links, merging, records
from .call import Call, Route
from .crm_model import Json, Record
from .kinds import CONTACT, DEFINED, EMAIL, Kind, named, record_id
from .problems import conflict, invalid, not_found

EMAIL_CONTENT = "sales-email-read"
VEILED = {"hs_email_subject", "hs_email_text", "hs_email_html", "hs_email_headers"}
OBJECTS = f"objects/({DEFINED})"


def kind_of(call: Call) -> Kind:
    return named(call.args[0])


def reads(call: Call) -> frozenset[str]:
    """The scopes of whoever reads records of this type."""
    return kind_of(call).reads


def writes(call: Call) -> frozenset[str]:
    return kind_of(call).writes


def told(call: Call, record: Record, asked: Iterable[str], *, whole: bool = False) -> Json:
    """Tell a record, as far as whoever calls may see it."""
    row = records.told(call.portal, record, asked, whole=whole)
    return {**row, "properties": veiled(call, record.kind, row["properties"])}


def veiled(call: Call, kind: str, properties: Json) -> Json:
    """Leave out what is written in e-mails, unless a scope of its own was granted."""
    is_open = EMAIL_CONTENT in call.caller.scopes or not call.world.switches.emails_have_a_scope
    if kind != EMAIL or is_open:
        return properties
    return {name: None if name in VEILED else value for name, value in properties.items()}


def shown(call: Call, record: Record) -> Json:
    """Tell a record with the properties and the associations that were asked for."""
    kind = kind_of(call)
    asked = (*(call.listed("properties") or kind.shows), *kind.always)
    row = told(call, record, asked)
    wanted = call.listed("associations")
    ties = {
        other.name: {"results": rows}
        for name in wanted
        if (rows := _tied(call, record, other := named(name)))
    }
    return {**row, "associations": ties} if ties else row


def _tied(call: Call, record: Record, other: Kind) -> list[Json]:
    name = f"{kind_of(call).singular}_to_{other.singular}"
    found = links.of(call.portal, record.ref, other.id)
    return [{"id": str(number), "type": name} for number in found]


def list_records(call: Call) -> Response:
    """Answer a page of the primary store, by id; `after` is the id that was told last."""
    archived, limit = call.flag("archived"), call.limit()
    after = record_id(call.param("after") or 0)
    kept = sorted(call.portal.crm.of(kind_of(call).id).items())
    rows = [each for number, each in kept if number > after and each.archived == archived]
    body: Json = {"results": [shown(call, each) for each in rows[:limit]]}
    if len(rows) > limit:
        last = str(rows[limit - 1].id)
        link = f"{call.world.base}{call.request.path}?after={last}"
        body["paging"] = {"next": {"after": last, "link": link}}
    return Response.of(body)


def create_record(call: Call) -> Response:
    sent, kind = call.one(), kind_of(call)
    race(call, kind, sent.get("properties"))
    asked = records.Asked(kind, sent.get("properties") or {}, associations=sent.get("associations"))
    made = records.draft(call.world, call.portal, asked)
    record = records.commit(call.world, call.portal, made, authors.calling(call))
    return Response.of(told(call, record, (), whole=True), 201)


def race(call: Call, kind: Kind, sent: object) -> None:
    """Let somebody make the same contact a moment before: the refusal names no record."""
    address = sent.get("email") if isinstance(sent, dict) else None
    if kind.id != CONTACT or not address:
        return
    if call.world.stage.take(call.request, {"email_race"}):
        if records.by_email(call.portal, str(address)) is None:
            made = records.draft(call.world, call.portal, records.Asked(kind, {"email": address}))
            author = authors.person(call.portal.user())
            records.commit(call.world, call.portal, made, author)
        raise conflict("Contact already exists")


def get_record(call: Call) -> Response:
    kind, key = kind_of(call), call.args[1]
    if call.flag("archived"):
        record = call.portal.crm.record(kind.id, record_id(key), archived=True)
        if record is None:
            raise not_found()
    else:
        record = records.find(call.world, call.portal, kind, key, call.param("idProperty") or "")
    return Response.of(shown(call, record))


def update_record(call: Call) -> Response:
    kind, by = kind_of(call), call.param("idProperty") or ""
    record = records.find(call.world, call.portal, kind, call.args[1], by)
    limits.count_write(call.world, call.portal, record.ref)
    sent = call.one().get("properties") or {}
    made = records.draft(call.world, call.portal, records.Asked(kind, sent, record))
    records.commit(call.world, call.portal, made, authors.calling(call))
    asked = (*made.values, *kind.shows, *kind.always)
    return Response.of(told(call, record, asked))


def archive_record(call: Call) -> Response:
    """Put a record into the bin; who is not there is as good as in it."""
    record = call.portal.crm.of(kind_of(call).id).get(record_id(call.args[1]))
    if record is not None:
        records.archive(call.world, call.portal, record, authors.calling(call))
    return Response(status=204)


def merge_records(call: Call) -> Response:
    kind, sent = kind_of(call), call.one()
    if not kind.has_merges:
        raise invalid(f"Objects of type {kind.id} cannot be merged")
    ids = (sent.get("primaryObjectId"), sent.get("objectIdToMerge"))
    primary, other = (
        records.find(call.world, call.portal, kind, str(number or "")) for number in ids
    )
    survivor = merging.merge(call.world, call.portal, (primary, other), authors.calling(call))
    return Response.of(told(call, survivor, (*kind.shows, *kind.always)))


def forget_record(call: Call) -> Response:
    """Delete a record for good, as the law asks for."""
    kind, sent = kind_of(call), call.one()
    key, by = str(sent.get("objectId") or ""), str(sent.get("idProperty") or "")
    record = records.find(call.world, call.portal, kind, key, by)
    merging.forget(call.world, call.portal, record, authors.calling(call))
    return Response(status=204)


ROUTES = (
    Route("GET", OBJECTS, list_records, reads),
    Route("POST", OBJECTS, create_record, writes),
    Route("POST", f"{OBJECTS}/merge", merge_records, writes),
    Route("POST", f"{OBJECTS}/gdpr-delete", forget_record, writes),
    Route("GET", f"{OBJECTS}/([^/]+)", get_record, reads),
    Route("PATCH", f"{OBJECTS}/([^/]+)", update_record, writes),
    Route("DELETE", f"{OBJECTS}/([^/]+)", archive_record, writes),
)
