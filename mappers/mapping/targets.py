"""Where a mapping may write: fields of contacts and deals by code, title or id, and a few words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mappers.mapping.model import Write
from mappers.vocabulary import Catalogue, Field, FieldKind

Entity: TypeAlias = Literal["contact", "deal"]
Sort: TypeAlias = Literal["phone", "email", ""]
ENTITIES: tuple[Entity, ...] = ("contact", "deal")

WORDS: Mapping[str, str] = {
    "pipeline": "The deal's pipeline, by title or id.",
    "stage": "The deal's stage, by title or id, within its pipeline.",
    "tags": "Tags of the deal. New ones are added; none is taken away.",
    "responsible": "Who is responsible for the contact and the deal, by name or id.",
    "task": "A task for whoever is responsible, with this text. The same text makes one task.",
}
# What every CRM has, whether its catalogue lists it or not.
STANDARD = (
    Field(id="name", code="name", title="Name", entity="contact", type="name"),
    Field(id="phone", code="phone", title="Phone", entity="contact", type="phone", multiple=True),
    Field(id="email", code="email", title="E-mail", entity="contact", type="email", multiple=True),
    Field(id="title", code="title", title="Title", entity="deal", type="title"),
    Field(id="price", code="price", title="Price", entity="deal", type="price", kind="number"),
)
REACHING: Mapping[str, Sort] = {"phone": "phone", "email": "email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a target leads in one account.

    `key` is stable: `contact:271316`, `pipeline`. `sort` says how two values are found to be one.
    """

    key: str
    kind: FieldKind
    title: str
    multiple: bool = False
    read_only: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    sort: Sort = ""
    write: Write = "if_empty"


def places_of(target: str, catalogue: Catalogue) -> tuple[Place, ...]:
    """Find where a target leads: nowhere, to one place, or to several that cannot be told apart.

    A code is surer than a title, and what the account lists is surer than what every CRM has.
    """
    if target in WORDS:
        return (_word(target, catalogue),) if target in words_of(catalogue) else ()
    entity, _, name = target.partition(".")
    asked = name.strip().casefold()
    of_entity = [each for each in catalogue.fields if each.entity == entity]
    of_all = [each for each in STANDARD if each.entity == entity]
    for fields in (of_entity, of_all):
        for attribute in ("code", "id", "title"):
            found = [f for f in fields if str(getattr(f, attribute)).casefold() == asked != ""]
            if found:
                return tuple(map(_field, found))
    return ()


def names_of_targets(catalogue: Catalogue) -> tuple[str, ...]:
    """Every target that may be written, as people write it."""
    fields = [f"{field.entity}.{field.title}" for field in catalogue.fields]
    standard = [f"{field.entity}.{field.code}" for field in STANDARD]
    return tuple(dict.fromkeys((*standard, *fields, *words_of(catalogue))))


def words_of(catalogue: Catalogue) -> tuple[str, ...]:
    """The words that lead somewhere: not every account has tags."""
    return tuple(word for word in WORDS if word != "tags" or catalogue.tagged)


def stages_of(catalogue: Catalogue, pipeline: str) -> tuple[tuple[str, str], ...]:
    """The stages of a pipeline; of the main one when none is known."""
    for each in catalogue.pipelines:
        if each.id == pipeline or (not pipeline and each.is_main):
            return each.stages
    return ()


def _field(field: Field) -> Place:
    sort: Sort = ""
    if field.entity == "contact":
        sort = REACHING.get(field.code.casefold(), "")
    multiple = field.multiple or bool(sort)
    return Place(
        key=f"{field.entity}:{field.id}",
        kind=field.kind,
        title=field.title,
        multiple=multiple,
        read_only=field.read_only,
        choices=field.choices,
        sort=sort,
        write="always" if multiple else "if_empty",
    )


def _word(target: str, catalogue: Catalogue) -> Place:
    match target:
        case "pipeline":
            choices = tuple((each.id, each.title) for each in catalogue.pipelines)
            return Place(key=target, kind="choice", title=target, choices=choices)
        case "stage":
            every = (stage for each in catalogue.pipelines for stage in each.stages)
            choices = tuple(dict.fromkeys(every))
            return Place(key=target, kind="choice", title=target, choices=choices)
        case "responsible":
            choices = tuple((each.user or each.id, each.name) for each in catalogue.operators)
            return Place(key=target, kind="choice", title=target, choices=choices)
        case "tags":
            return Place(key=target, kind="text", title=target, multiple=True, write="always")
        case _:
            return Place(key=target, kind="text", title=target, multiple=True, write="once")
