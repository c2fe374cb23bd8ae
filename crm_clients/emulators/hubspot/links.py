"""What ties records together: types of associations, and how ties are made and cut."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .authors import Author
from .crm_model import Json, Link, Record, Ref
from .kinds import (
    BY_ID,
    CALL,
    COMMUNICATION,
    COMPANY,
    CONTACT,
    DEAL,
    EMAIL,
    MEETING,
    NOTE,
    TASK,
    TICKET,
    Kind,
)
from .model import Portal
from .problems import Refused, invalid
from .world import World

DEFINED = "HUBSPOT_DEFINED"
# From and to, the id of the type in this direction and in the other one.
PAIRS = (
    *((COMMUNICATION, CONTACT, 81, 82), (COMMUNICATION, COMPANY, 87, 88)),
    *((COMMUNICATION, DEAL, 85, 86), (COMMUNICATION, TICKET, 83, 84)),
    *((NOTE, CONTACT, 202, 201), (NOTE, COMPANY, 190, 189)),
    *((NOTE, DEAL, 214, 213), (NOTE, TICKET, 228, 227)),
    *((CALL, CONTACT, 194, 193), (CALL, COMPANY, 182, 181)),
    *((CALL, DEAL, 206, 205), (CALL, TICKET, 220, 219)),
    *((EMAIL, CONTACT, 198, 197), (EMAIL, COMPANY, 186, 185)),
    *((EMAIL, DEAL, 210, 209), (EMAIL, TICKET, 224, 223)),
    *((TASK, CONTACT, 204, 203), (TASK, COMPANY, 192, 191)),
    *((TASK, DEAL, 216, 215), (TASK, TICKET, 230, 229)),
    *((MEETING, CONTACT, 200, 199), (MEETING, COMPANY, 188, 187)),
    *((MEETING, DEAL, 212, 211), (MEETING, TICKET, 226, 225)),
    *((DEAL, CONTACT, 3, 4), (DEAL, COMPANY, 341, 342), (DEAL, TICKET, 27, 28)),
    *((TICKET, CONTACT, 16, 15), (TICKET, COMPANY, 339, 340)),
    (CONTACT, COMPANY, 279, 280),
)
PRIMARY = ((CONTACT, COMPANY, 1, 2), (DEAL, COMPANY, 5, 6), (TICKET, COMPANY, 26, 25))
DEFAULTS: Mapping[tuple[str, str], tuple[int, int]] = {
    **{(here, there): (forth, back) for here, there, forth, back in PAIRS},
    **{(there, here): (back, forth) for here, there, forth, back in PAIRS},
}
NAMED: Mapping[tuple[str, str, int], tuple[int, str]] = {
    **{(here, there, forth): (back, "Primary") for here, there, forth, back in PRIMARY},
    **{(there, here, back): (forth, "Primary") for here, there, forth, back in PRIMARY},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A tie to be made: to which record, and its type in both directions."""

    to: Ref
    type_id: int
    back_id: int
    label: str | None = None


def refuse_type(message: str) -> Refused:
    return invalid(message, "crm.associations.INVALID_ASSOCIATION_TYPE")


def tie(here: str, to: Ref, category: str, type_id: int) -> Tie:
    """Find the type that is asked for, or refuse one of another direction."""
    forth, back = DEFAULTS.get((here, to[0]), (None, 0))
    if category == DEFINED and type_id == forth:
        return Tie(to=to, type_id=type_id, back_id=back)
    named = NAMED.get((here, to[0], type_id))
    if category != DEFINED or named is None:
        words = f"{category} type {type_id} does not tie {here} to {to[0]}"
        raise refuse_type(f"Invalid association type: {words}")
    return Tie(to=to, type_id=type_id, back_id=named[0], label=named[1])


def default_tie(here: str, to: Ref) -> Tie:
    if (here, to[0]) not in DEFAULTS:
        raise refuse_type(f"There is no default association of {here} with {to[0]}")
    forth, back = DEFAULTS[here, to[0]]
    return Tie(to=to, type_id=forth, back_id=back)


def read(portal: Portal, kind: Kind, sent: Any) -> list[Tie]:
    """Read the associations of a record that is to be made, or refuse all of them.

    What a type ties the record to follows from the type alone; an id says nothing of it.
    """
    return [found for each in sent or [] for found in _read_one(portal, kind, each)]


def _read_one(portal: Portal, kind: Kind, sent: Json) -> Iterator[Tie]:
    try:
        number = int(sent["to"]["id"])
        types = [
            (str(each["associationCategory"]), int(each["associationTypeId"]))
            for each in sent["types"]
        ]
    except (KeyError, TypeError, ValueError):
        raise invalid("Invalid association: to.id and types are required") from None
    for category, type_id in types:
        there = _leads_to(kind, type_id)
        if there is None or portal.crm.record(there, number) is None:
            raise invalid("One or more associations are not valid")
        yield tie(kind.id, (there, number), category, type_id)


def _leads_to(kind: Kind, type_id: int) -> str | None:
    for (here, there), (forth, _) in DEFAULTS.items():
        if here == kind.id and forth == type_id:
            return there
    return next(
        (there for here, there, forth in NAMED if (here, forth) == (kind.id, type_id)), None
    )


def make(world: World, portal: Portal, record: Record, ties: Sequence[Tie], author: Author) -> None:
    """Tie a record to others; what is there already stays as it is."""
    seen_from = world.visible_at()
    for each in ties:
        sides = (
            (record.ref, each.to, each.type_id),
            (each.to, record.ref, each.back_id),
        )
        for here, there, type_id in sides:
            held = portal.crm.links.setdefault(here, {}).setdefault(there, [])
            if any(link.type_id == type_id for link in held):
                continue
            held.append(
                Link(
                    category=DEFINED,
                    type_id=type_id,
                    label=each.label,
                    made=world.now(),
                    visible_at=seen_from,
                )
            )
            _tell(world, portal, (here, there), author, removed=False)


def cut(world: World, portal: Portal, ends: tuple[Ref, Ref], author: Author) -> None:
    """Cut every tie between two records."""
    for here, there in (ends, ends[::-1]):
        if portal.crm.links.get(here, {}).pop(there, None):
            _tell(world, portal, (here, there), author, removed=True)


def _tell(
    world: World, portal: Portal, ends: tuple[Ref, Ref], author: Author, *, removed: bool
) -> None:
    """Tell one side of an association; the other is told for itself."""
    (here, number), (there, other) = ends
    record = portal.crm.of(here).get(number)
    if record is None:
        return
    details: Json = {
        "associationType": f"{BY_ID[here].singular}_TO_{BY_ID[there].singular}".upper(),
        "fromObjectId": number,
        "toObjectId": other,
        "fromObjectTypeId": here,
        "toObjectTypeId": there,
        "associationRemoved": removed,
        "isPrimaryAssociation": False,
    }
    world.tell(portal, author.change(world, "associationChange", record, **details))


def of(portal: Portal, ref: Ref, there: str) -> dict[int, list[Link]]:
    """What a record is tied to, of one type, by id; what is archived is left out."""
    held = portal.crm.links.get(ref, {})
    return {
        number: links
        for (kind, number), links in sorted(held.items(), key=lambda item: item[0][1])
        if kind == there and links and portal.crm.record(kind, number) is not None
    }


def move(portal: Portal, old: Ref, new: Ref) -> None:
    """Tie to one record what another was tied to, as a merge does."""
    for there, links in portal.crm.links.pop(old, {}).items():
        portal.crm.links.setdefault(new, {}).setdefault(there, links)
        other = portal.crm.links.get(there, {})
        other.setdefault(new, other.pop(old, []))
