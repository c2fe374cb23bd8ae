"""What a CRM of a portal holds: cards, activities, comments and the lists that describe them."""

from dataclasses import dataclass, field
from typing import Any

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
ENTITY_NAMES = {LEAD: "LEAD", DEAL: "DEAL", CONTACT: "CONTACT", COMPANY: "COMPANY"}
ENTITY_IDS = {name: number for number, name in ENTITY_NAMES.items()}
MULTI_TYPES = ("PHONE", "EMAIL", "WEB", "IM", "LINK")

Json = dict[str, Any]
Ref = tuple[int, int]  # entity type and id of a card


@dataclass(slots=True, kw_only=True)
class MultiField:
    id: int
    type_id: str
    value: str
    value_type: str


@dataclass(slots=True, kw_only=True)
class Card:
    """`fields` by their old names; values as old methods tell them, `CONTACT_IDS` a list.

    `visible_at`: from when searches and lists see it; `merged_into`: who survived a merge.
    """

    entity: int
    id: int
    fields: Json
    multi: list[MultiField] = field(default_factory=list)
    visible_at: float = 0.0
    is_deleted: bool = False
    merged_into: int | None = None

    @property
    def ref(self) -> Ref:
        return self.entity, self.id

    @property
    def name(self) -> str:
        """A person's name, or the title of what is no person."""
        parts = (str(self.fields.get(key) or "") for key in ("NAME", "LAST_NAME"))
        return " ".join(filter(None, parts)) or str(self.fields.get("TITLE") or "")

    def values_of(self, type_id: str) -> list[str]:
        return [each.value for each in self.multi if each.type_id == type_id]


@dataclass(slots=True, kw_only=True)
class Activity:
    """`fields` by their old names, as strings; `application` is whose a REST_APP one is."""

    id: int
    fields: Json
    bindings: list[Ref]
    application: str = ""
    communications: list[Json] = field(default_factory=list)
    layout: Json | None = None
    files: list[Json] = field(default_factory=list)
    is_deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Comment:
    """What stands in a timeline: somebody's comment, or with a `title` a line of the log."""

    id: int
    author_id: int
    text: str
    created: float
    bindings: list[Ref]
    title: str = ""
    icon: str = ""
    files: list[Json] = field(default_factory=list)
    is_deleted: bool = False


@dataclass(slots=True, kw_only=True)
class UserField:
    id: int
    entity: int
    name: str
    type_id: str
    body: Json = field(default_factory=dict)
    choices: list[Json] = field(default_factory=list)

    @property
    def is_multiple(self) -> bool:
        return self.body.get("MULTIPLE") == "Y"


@dataclass(slots=True, kw_only=True)
class Crm:
    """`mode`: 1 with leads, 2 without. `statuses` are the rows of all reference lists."""

    mode: int = 1
    cards: dict[Ref, Card] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    statuses: list[Json] = field(default_factory=list)
    categories: dict[int, Json] = field(default_factory=dict)
    user_fields: dict[int, UserField] = field(default_factory=dict)
    activity_types: dict[tuple[str, str], Json] = field(default_factory=dict)

    def all_of(self, entity: int) -> list[Card]:
        """Every card of a kind that was not deleted, by id."""
        found = (card for card in self.cards.values() if card.entity == entity)
        return sorted((card for card in found if not card.is_deleted), key=lambda card: card.id)

    def card(self, entity: int, card_id: int) -> Card | None:
        card = self.cards.get((entity, card_id))
        return None if card is None or card.is_deleted else card

    def fields_of(self, entity: int) -> list[UserField]:
        return [each for each in self.user_fields.values() if each.entity == entity]
