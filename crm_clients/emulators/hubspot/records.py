"""Records: how they are made, changed, found, and told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import links, phones, values
from .authors import Author
from .crm_model import Json, Key, Record, Version
from .kinds import BY_ID, CONTACT, DEAL, Kind, record_id
from .links import Tie
from .model import Portal
from .problems import Refused, conflict, invalid, not_found
from .switches import Switches
from .world import World, iso

EMAIL, OTHER_EMAILS = "email", "hs_additional_emails"


@dataclass(frozen=True, slots=True)
class Asked:
    """A write as somebody asks for it; without a record one is to be made."""

    kind: Kind
    properties: Mapping[str, Any]
    record: Record | None = None
    associations: Any = None


@dataclass(slots=True, kw_only=True)
class Draft:
    """A write that nothing speaks against; `record` is None where one is to be made."""

    kind: Kind
    values: dict[str, str]
    ties: list[Tie] = field(default_factory=list)
    record: Record | None = None


def draft(
    world: World,
    portal: Portal,
    asked: Asked,
    beside: Sequence[Draft] = (),
) -> Draft:
    """Look at a write without doing it, or refuse it. `beside`: drafts of the same batch."""
    kind, record, sent = asked.kind, asked.record, asked.properties
    if not isinstance(sent, Mapping):
        raise invalid("properties must be an object")
    held = record.properties if record else {}
    read = values.checked(portal, kind, sent, held, world.switches)
    if record is None:
        _refuse_incomplete(portal, kind, read, world.switches)
    _refuse_taken(world.switches, portal, kind, read, record)
    for other in beside:
        if other.record is not record or record is None:
            _refuse_twin(portal, kind, read, other)
    ties = links.read(portal, kind, asked.associations)
    return Draft(kind=kind, values=read, ties=ties, record=record)


def _refuse_incomplete(
    portal: Portal, kind: Kind, read: Mapping[str, str], rules: Switches
) -> None:
    missing = [name for name in kind.needs if not read.get(name)]
    if missing:
        wrong = [
            values.Wrong(name, "REQUIRED_FIELD", f"{name} is a required property")
            for name in missing
        ]
        raise values.refusal(portal, wrong)
    named = any(read.get(name) for name in (EMAIL, "firstname", "lastname"))
    if kind.id == CONTACT and rules.contact_needs_name and not named:
        raise invalid("At least one of email, firstname or lastname is required")


def unique_names(portal: Portal, kind: Kind) -> list[str]:
    """Properties whose values no two records share, e-mail aside."""
    known = portal.crm.properties[kind.id].values()
    return [each.name for each in known if each.is_unique and each.archived_at is None]


def _refuse_taken(
    rules: Switches, portal: Portal, kind: Kind, read: Mapping[str, str], record: Record | None
) -> None:
    addresses = [read.get(EMAIL, ""), *read.get(OTHER_EMAILS, "").split(";")]
    for address in filter(None, addresses if kind.id == CONTACT else ()):
        owner = by_email(portal, address)
        if owner is not None and owner is not record:
            raise _known_email(rules, owner, is_new=record is None)
    for name in unique_names(portal, kind):
        other = by_value(portal, kind, name, read[name]) if read.get(name) else None
        if other is not None and other is not record:
            raise _taken(portal, name, read[name], str(other.id))


def _taken(portal: Portal, name: str, value: str, whose: str) -> Refused:
    words = f"{value} is already in use by object {whose} for property {name}"
    return values.refusal(portal, [values.Wrong(name, "CONFLICTING_UNIQUE_VALUE", words)])


def _known_email(rules: Switches, owner: Record, *, is_new: bool) -> Refused:
    words = "Contact already exists"
    if rules.email_conflict == "with_id":
        words = f"{words}. Existing ID: {owner.id}"
    if not is_new and rules.patched_email_conflict == "400":
        return invalid(words)
    return conflict(words)


def _refuse_twin(portal: Portal, kind: Kind, read: Mapping[str, str], other: Draft) -> None:
    """Refuse what another input of the same batch takes."""
    for name in unique_names(portal, kind):
        if read.get(name) and read[name] == other.values.get(name):
            raise _taken(portal, name, read[name], "of the same batch")
    if kind.id == CONTACT and read.get(EMAIL) and read[EMAIL] == other.values.get(EMAIL):
        raise conflict("Contact already exists")


def commit(world: World, portal: Portal, made: Draft, author: Author) -> Record:
    """Do what a draft says."""
    if made.record is None:
        return _create(world, portal, made, author)
    return _update(world, portal, made.record, made.values, author)


def _create(world: World, portal: Portal, made: Draft, author: Author) -> Record:
    kind, now = made.kind, world.now()
    number = portal.number("engagement" if kind.is_engagement else kind.id)
    record = Record(kind=kind.id, id=number, properties={}, created=now, updated=now)
    record.properties = {
        **author.marks(),
        kind.created: iso(now),
        "hs_object_id": str(number),
        **{name: value for name, value in made.values.items() if value},
    }
    portal.crm.of(kind.id)[number] = record
    touch(world, portal, record, author)
    world.tell(portal, author.change(world, "creation", record))
    _tell_values(world, portal, record, made.values, author)
    links.make(world, portal, record, made.ties, author)
    return record


def _update(
    world: World, portal: Portal, record: Record, sent: Mapping[str, str], author: Author
) -> Record:
    changed = {name: value for name, value in sent.items() if value != record.value(name)}
    for name, value in changed.items():
        if value:
            record.properties[name] = value
        else:
            record.properties.pop(name, None)
    if changed:
        touch(world, portal, record, author)
        _tell_values(world, portal, record, changed, author)
    return record


def _tell_values(
    world: World, portal: Portal, record: Record, changed: Mapping[str, str], author: Author
) -> None:
    for name, value in changed.items():
        told = {"propertyName": name, "propertyValue": value}
        world.tell(portal, author.change(world, "propertyChange", record, **told))


def touch(world: World, portal: Portal, record: Record, author: Author | None = None) -> None:
    """Date a write, calculate what follows from it, and let search know of it in time."""
    record.updated = world.now()
    modified = "lastmodifieddate" if record.kind == CONTACT else "hs_lastmodifieddate"
    record.properties[modified] = iso(record.updated)
    if author is not None:
        record.properties["hs_updated_by_user_id"] = str(author.user_id)
    calculated = phones.calculated(record.properties) if record.kind == CONTACT else {}
    calculated |= _closed(portal, record) if record.kind == DEAL else {}
    for name, value in calculated.items():
        record.properties.pop(name, None)
        if value:
            record.properties[name] = value
    portal.crm.file_away(record, _keys(portal, record))
    version = Version(
        visible_at=world.visible_at(),
        properties=dict(record.properties),
        archived=record.archived,
    )
    old = [each for each in record.versions if each.visible_at <= world.now()][-1:]
    coming = [each for each in record.versions if each.visible_at > world.now()]
    record.versions = [*old, *coming, version]


def _closed(portal: Portal, record: Record) -> dict[str, str]:
    for pipeline in portal.crm.pipelines[DEAL]:
        for stage in pipeline.stages:
            if (pipeline.id, stage.id) == (record.value("pipeline"), record.value("dealstage")):
                closed = stage.metadata["isClosed"]
                won = closed == "true" and stage.metadata["probability"] == "1.0"
                return {"hs_is_closed": closed, "hs_is_closed_won": "true" if won else "false"}
    return {}


def archive(world: World, portal: Portal, record: Record, author: Author) -> None:
    """Put a record into the bin; whoever is there already stays."""
    if record.archived:
        return
    record.archived_at = world.now()
    touch(world, portal, record, author)
    world.tell(portal, author.change(world, "deletion", record))


def restore(world: World, portal: Portal, record: Record, author: Author) -> None:
    """Take a record out of the bin."""
    record.archived_at = None
    touch(world, portal, record, author)
    world.tell(portal, author.change(world, "restore", record))


def by_email(portal: Portal, address: str) -> Record | None:
    """Find a contact by any of their addresses."""
    return _by_key(portal, (CONTACT, EMAIL, address.strip().lower()))


def by_value(portal: Portal, kind: Kind, name: str, value: str) -> Record | None:
    return _by_key(portal, (kind.id, name, value))


def _by_key(portal: Portal, key: Key) -> Record | None:
    number = portal.crm.keys.get(key)
    return None if number is None else portal.crm.record(key[0], number)


def _keys(portal: Portal, record: Record) -> set[Key]:
    """What a record is found by: its unique values, and each of a contact's addresses."""
    if record.archived:
        return set()
    names = unique_names(portal, BY_ID[record.kind])
    found = {(record.kind, name, record.value(name)) for name in names}
    if record.kind == CONTACT:
        addresses = (record.value(EMAIL), *record.value(OTHER_EMAILS).split(";"))
        found |= {(CONTACT, EMAIL, address) for address in addresses}
    return {key for key in found if key[2]}


def find(world: World, portal: Portal, kind: Kind, key: str, by: str = "") -> Record:
    """Find a record by its id or by a unique value, or refuse.

    A contact that was merged may answer by the id it had before.
    """
    if by in {"", "hs_object_id"}:
        record = portal.crm.of(kind.id).get(record_id(key))
        if record is not None and record.merged_into and world.switches.merged_id_answers:
            record = portal.crm.of(kind.id).get(record.merged_into)
    elif by == EMAIL and kind.id == CONTACT:
        record = by_email(portal, key)
    elif by in unique_names(portal, kind):
        record = by_value(portal, kind, by, key)
    else:
        raise not_unique(kind, by)
    if record is None or record.archived:
        raise not_found()
    return record


def not_unique(kind: Kind, name: str) -> Refused:
    words = f"Unable to perform update/upsert by non-unique {kind.id} property {name}"
    return invalid(words)


def told(portal: Portal, record: Record, asked: Iterable[str], *, whole: bool = False) -> Json:
    """Tell a record: what was asked for, unset as null; `whole`: all that is set."""
    kind_of = portal.crm.properties[record.kind]
    names = record.properties if whole else [name for name in asked if name in kind_of]
    shown: Json = {
        "id": str(record.id),
        "properties": {name: record.properties.get(name) for name in sorted(set(names))},
        "createdAt": iso(record.created),
        "updatedAt": iso(record.updated),
        "archived": record.archived,
        "url": f"https://{portal.ui_domain}/contacts/{portal.hub_id}/record/{record.kind}/"
        f"{record.id}",
    }
    if record.archived_at is not None:
        shown["archivedAt"] = iso(record.archived_at)
    return shown
