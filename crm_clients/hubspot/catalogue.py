"""What a portal has to offer a mapping: properties, pipelines, owners, its zone.

Five calls ask for all of it, and more than a hundred owners are another. Without the scope for
owners there are none, and the rest is there all the same. Names, addresses, the sum and the title
are places that every CRM has, and go by other words.

Source: developers.hubspot.com/docs/api-reference/crm/{properties, pipelines, owners},
…/account/account-information.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from crm_clients.hubspot.addresses import ADDRESSES
from crm_clients.hubspot.cases import NAMES
from crm_clients.hubspot.field_wire import Pipeline as Funnel
from crm_clients.hubspot.field_wire import Property
from crm_clients.hubspot.oauth import Case
from crm_clients.hubspot.owners import as_operator, called, read_owners
from crm_clients.hubspot.rest import Rest, all_of, only_of
from crm_clients.hubspot.versions import ACCOUNT, PIPELINES, PROPERTIES, path
from crm_clients.hubspot.wire import AccountDetails
from mappers.vocabulary import Catalogue, Field, FieldKind, Pipeline

Entity = Literal["contact", "deal"]
Owners = tuple[tuple[str, str], ...]
# Types that are not here hold objects, and so do files and formatted texts among strings.
KINDS: Mapping[str, FieldKind] = {
    "string": "text",
    "phone_number": "text",
    "number": "number",
    "bool": "boolean",
    "enumeration": "choice",
    "date": "date",
    "datetime": "moment",
}
NO_TEXT = frozenset({"file", "html"})
LIST = "checkbox"
OWNER = "hubspot_owner_id"


async def read_catalogue(rest: Rest) -> Catalogue:
    """Read everything a mapping may name. Raises: `ProviderError`."""
    config = rest.config
    owners = await read_owners(rest)
    people = tuple((each.id, called(each)) for each in owners)
    own = {"contact": config.record_marker, "deal": config.deal_marker}
    taken = {"contact": _of_contact(), "deal": _of_deal(config.case)}
    kinds: Mapping[Entity, str] = {"contact": "contacts", "deal": config.case}
    fields: list[Field] = []
    for entity, kind in kinds.items():
        known = all_of(Property, await rest.get(path(PROPERTIES, kind), f"properties.{kind}"))
        apart = {*taken[entity], own[entity], OWNER}
        fields += (_field(entity, each, people) for each in known if _is_offered(each, apart))
    return Catalogue(
        pipelines=tuple(_pipelines(await read_pipelines(rest))),
        operators=tuple(as_operator(each) for each in owners if each.user),
        fields=tuple(fields),
        zone=await _zone(rest),
        tagged=False,
    )


async def read_pipelines(rest: Rest) -> tuple[Funnel, ...]:
    """Read the pipelines of what a deal is here, in order. Raises: `ProviderError`."""
    case = rest.config.case
    found = all_of(Funnel, await rest.get(path(PIPELINES, case), f"pipelines.{case}"))
    return tuple(sorted(found, key=lambda each: (each.order, each.id)))


def _of_contact() -> Iterable[str]:
    return ("firstname", "lastname", *ADDRESSES)


def _of_deal(case: Case) -> Iterable[str]:
    names = NAMES[case]
    return filter(None, (names.title, names.price, names.pipeline, names.stage))


def _is_offered(known: Property, apart: Iterable[str]) -> bool:
    return not (known.is_hidden or known.is_archived or known.name in apart)


def _field(entity: Entity, known: Property, people: Owners) -> Field:
    kind = KINDS.get(known.type, "other")
    is_text = kind == "text" and known.field_type not in NO_TEXT
    return Field(
        id=known.name,
        title=known.label or known.name,
        entity=entity,
        type=known.type,
        code=known.name if known.is_built_in else "",
        choices=tuple(_choices(known, people)),
        kind=kind if is_text or kind != "text" else "other",
        read_only=known.is_read_only,
        multiple=known.type == "enumeration" and known.field_type == LIST,
    )


def _choices(known: Property, people: Owners) -> Iterable[tuple[str, str]]:
    if known.names == "OWNER":
        return people
    listed = sorted(known.options, key=lambda each: each.order)
    return ((each.value, each.label) for each in listed if not each.is_hidden)


def _pipelines(found: Iterable[Funnel]) -> Iterator[Pipeline]:
    """The first one that is in use is the main one: there begins what names none."""
    used = [each for each in found if not each.is_archived]
    for each in used:
        stages = sorted(each.stages, key=lambda stage: (stage.order, stage.id))
        yield Pipeline(
            id=each.id,
            title=each.label,
            stages=tuple((one.id, one.label) for one in stages if not one.is_archived),
            is_main=each is used[0],
        )


async def _zone(rest: Rest) -> str:
    reply = await rest.get(path(ACCOUNT, "details"), "account")
    return only_of(AccountDetails, reply.value()).zone or rest.config.zone
