"""What a portal has to offer a mapping: fields, lists, pipelines, users, its zone.

One batch asks for all of it; only users come in pages. Without the permission *Users* there are
none, and the rest is there all the same. Fields go by the names of the universal methods, custom
ones by their own; the parts of a name, the sum and the title are places that every CRM has.

Source: apidocs.bitrix24.com/api-reference/crm/{universal, status, category}, …/user.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import available_timezones

from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.field_wire import About, Category, Status, User, Whose
from crm_clients.bitrix24.questions import (
    all_of_list,
    ask_every_page,
    ask_together,
)
from crm_clients.bitrix24.rest import Rest, garbled, only_of
from mappers.vocabulary import (
    Blocked,
    Catalogue,
    Field,
    FieldKind,
    Operator,
    Pipeline,
    ProviderError,
)

Entity = Literal["contact", "deal"]
DEAL, CONTACT = 2, 3
TYPES: Mapping[Entity, int] = {"contact": CONTACT, "deal": DEAL}
# Types that are not here hold files, or name things outside of the card.
KINDS: Mapping[str, FieldKind] = {
    **dict.fromkeys(("string", "text", "url", "address"), "text"),
    **dict.fromkeys(("integer", "double", "money"), "number"),
    **dict.fromkeys(("enumeration", "crm_status", "employee"), "choice"),
    **dict.fromkeys(("boolean", "char"), "boolean"),
    "date": "date",
    "datetime": "moment",
}
# Other words of a mapping lead there, or nothing does: where a card came from is ours to say.
APART: Mapping[Entity, frozenset[str]] = {
    "contact": frozenset({"id", "name", "lastName", "originatorId", "originId", "originVersion"}),
    "deal": frozenset(
        {
            *("id", "title", "opportunity", "isManualOpportunity", "categoryId", "stageId"),
            *("stageSemanticId", "originatorId", "originId", "originVersion"),
        }
    ),
}
USERS = Command("user.get", {"FILTER": {"ACTIVE": "true"}, "sort": "ID", "order": "ASC"})
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


async def read_catalogue(rest: Rest) -> Catalogue:
    """Read everything a mapping may name. Raises: `ProviderError`."""
    told = await ask_together(rest, _questions())
    users = await _users(rest, told["users"])
    lists = _lists(told["statuses"])
    source = _Source(lists, tuple((each.id, each.called) for each in users))
    return Catalogue(
        pipelines=tuple(_pipelines(told["categories"], lists)),
        operators=tuple(Operator(id=each.id, name=each.called, user=each.id) for each in users),
        fields=tuple(each for entity in TYPES for each in source.fields(entity, told[entity])),
        zone=_zone(told["profile"]),
        tagged=False,
    )


def _questions() -> dict[str, Command]:
    return {
        **{entity: about_fields(kind) for entity, kind in TYPES.items()},
        "categories": Command("crm.category.list", {"entityTypeId": DEAL}),
        "statuses": Command("crm.status.list", {"order": {"SORT": "ASC"}}),
        "users": USERS,
        "profile": Command("profile"),
    }


def about_fields(kind: int) -> Command:
    """Ask what fields a kind of cards has, custom ones under their own names."""
    return Command("crm.item.fields", {"entityTypeId": kind, "useOriginalUfNames": "Y"})


async def _users(rest: Rest, first: Part) -> tuple[User, ...]:
    """Read the employees; nobody where the application may not ask for them."""
    if isinstance(first.failure, Blocked):
        return ()
    rows = await ask_every_page(rest, USERS, first)
    users = (only_of(User, each) for each in rows)
    return tuple(each for each in users if each.is_active)


Lists = Mapping[str, tuple[Status, ...]]


def _lists(told: Part) -> Lists:
    found: dict[str, list[Status]] = {}
    for row in all_of_list(told.told()):
        status = only_of(Status, row)
        found.setdefault(status.dictionary, []).append(status)
    return {name: tuple(sorted(rows, key=lambda each: each.sort)) for name, rows in found.items()}


def _pipelines(told: Part, lists: Lists) -> Iterator[Pipeline]:
    value = told.told()
    listed = value.get("categories") if isinstance(value, dict) else None
    categories = [only_of(Category, each) for each in all_of_list(listed)]
    for each in sorted(categories, key=lambda one: (one.sort, one.id)):
        stages = lists.get(dictionary_of(each.id), ())
        yield Pipeline(
            id=each.id,
            title=each.name,
            stages=tuple((stage.id, stage.name) for stage in stages),
            is_main=each.is_default,
        )


def dictionary_of(pipeline: str) -> str:
    """Return which list holds the stages of a pipeline; the first one's has no number."""
    return f"DEAL_STAGE_{pipeline}" if pipeline != "0" else "DEAL_STAGE"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where choices come from: the portal's lists and its employees."""

    lists: Lists
    users: tuple[tuple[str, str], ...] = field(repr=False)

    def fields(self, entity: Entity, told: Part) -> Iterator[Field]:
        value = told.told()
        described = value.get("fields") if isinstance(value, dict) else None
        if not isinstance(described, dict):
            raise ProviderError(garbled(repeatable=True))
        for name, raw in described.items():
            if name not in APART[entity]:
                yield self._field(entity, name, only_of(About, raw))

    def _field(self, entity: Entity, name: str, about: About) -> Field:
        is_custom = name.startswith("UF_")
        return Field(
            id=name,
            title=about.label or name,
            entity=entity,
            type=about.type,
            code="" if is_custom else _HUMP.sub(r"_\1", name).upper(),
            choices=tuple(self._choices(about)),
            kind=KINDS.get(about.type, "other"),
            read_only=about.is_read_only or about.is_immutable,
            multiple=about.is_multiple,
        )

    def _choices(self, about: About) -> Iterable[tuple[str, str]]:
        match about.type:
            case "crm_status":
                return ((each.id, each.name) for each in self.lists.get(about.dictionary, ()))
            case "employee":
                return self.users
            case _:
                return about.choices


def _zone(told: Part) -> str:
    """Name the zone of whoever installed us, else what the portal's clock is ahead by.

    Signs are the other way round in names of that kind.
    """
    named = only_of(Whose, told.told()).zone
    if named in available_timezones():
        return named
    try:
        ahead = datetime.fromisoformat(told.at).utcoffset()
    except ValueError:
        return "UTC"
    hours = 0 if ahead is None else round(ahead.total_seconds() / 3600)
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"
