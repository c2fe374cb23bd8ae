"""Two records become one, or one becomes none."""

from . import links, records
from .authors import Author
from .crm_model import Json, Record
from .kinds import CONTACT
from .model import Portal
from .problems import invalid
from .records import EMAIL, OTHER_EMAILS
from .world import World

MERGED = "hs_merged_object_ids"


def merge(world: World, portal: Portal, pair: tuple[Record, Record], author: Author) -> Record:
    """Merge the second record into the first, whose values win.

    Where the switch says so, what survives is a new record, and both ids are old ones.
    """
    primary, other = pair
    if primary is other:
        raise invalid("A record cannot be merged with itself")
    survivor = _renewed(world, portal, primary) if world.switches.merge_makes_new else primary
    gone = [each for each in pair if each is not survivor]
    before = len(survivor.properties)
    for record in gone:
        _take_over(portal, survivor, record)
        record.merged_into = survivor.id
        record.archived_at = world.now()
        records.touch(world, portal, record)
    survivor.properties[MERGED] = ";".join(map(str, survivor.merged_from))
    records.touch(world, portal, survivor, author)
    told: Json = {
        "primaryObjectId": primary.id,
        "mergedObjectIds": [other.id],
        "newObjectId": survivor.id,
        "numberOfPropertiesMoved": len(survivor.properties) - before,
    }
    world.tell(portal, author.change(world, "merge", survivor, **told))
    return survivor


def _renewed(world: World, portal: Portal, primary: Record) -> Record:
    number = portal.number(primary.kind)
    properties = {**primary.properties, "hs_object_id": str(number)}
    record = Record(
        kind=primary.kind,
        id=number,
        properties=properties,
        created=primary.created,
        updated=world.now(),
    )
    portal.crm.of(primary.kind)[number] = record
    return record


def _take_over(portal: Portal, survivor: Record, record: Record) -> None:
    for name, value in record.properties.items():
        survivor.properties.setdefault(name, value)
    address, own = record.value(EMAIL), survivor.value(EMAIL)
    if survivor.kind == CONTACT and address and address != own:
        beside = [*survivor.value(OTHER_EMAILS).split(";"), address]
        survivor.properties[OTHER_EMAILS] = ";".join(dict.fromkeys(filter(None, beside)))
    survivor.merged_from += [*record.merged_from, record.id]
    for older in portal.crm.of(record.kind).values():
        if older.merged_into == record.id:
            older.merged_into = survivor.id
    links.move(portal, record.ref, survivor.ref)


def forget(world: World, portal: Portal, record: Record, author: Author) -> None:
    """Delete a record with all of its ties, for good."""
    for there in list(portal.crm.links.get(record.ref, {})):
        links.cut(world, portal, (record.ref, there), author)
    portal.crm.file_away(record, set())
    portal.crm.of(record.kind).pop(record.id)
    world.tell(portal, author.change(world, "privacyDeletion", record))
