"""What a portal's CRM holds: records, what describes them, and what ties them together."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Ref = tuple[str, int]  # object type id and record id: ("0-1", 101)
Key = tuple[str, str, str]  # object type id, property and its value, which one record has


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A record as it was after a write; search shows it from `visible_at` on."""

    visible_at: float
    properties: dict[str, str]
    archived: bool


@dataclass(slots=True, kw_only=True)
class Record:
    """`properties` hold what is set, as strings. `merged_into`: who survived a merge."""

    kind: str
    id: int
    properties: dict[str, str]
    created: float
    updated: float
    archived_at: float | None = None
    merged_into: int | None = None
    merged_from: list[int] = field(default_factory=list)
    keys: set[Key] = field(default_factory=set, repr=False)
    versions: list[Version] = field(default_factory=list, repr=False)

    @property
    def ref(self) -> Ref:
        return self.kind, self.id

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    def value(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def name(self) -> str:
        """A person's name, or the title of what is no person."""
        parts = (self.value("firstname"), self.value("lastname"))
        return " ".join(filter(None, parts)) or self.value("dealname") or self.value("subject")


@dataclass(slots=True, kw_only=True)
class Property:
    """A definition. `body` is what is told of it beside the fields here."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    is_unique: bool = False
    is_read_only: bool = False
    is_calculated: bool = False
    is_ours: bool = False  # made by HubSpot
    options: list[Json] = field(default_factory=list)
    body: Json = field(default_factory=dict)
    created: float = 0.0
    updated: float = 0.0
    archived_at: float | None = None


@dataclass(slots=True, kw_only=True)
class Stage:
    id: str
    label: str
    order: int
    metadata: dict[str, str]
    archived: bool = False


@dataclass(slots=True, kw_only=True)
class Pipeline:
    id: str
    label: str
    order: int
    stages: list[Stage]
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One direction of an association: `visible_at` is when search knows it."""

    category: str
    type_id: int
    label: str | None = None
    made: float = 0.0
    visible_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class FileHeld:
    """A file of the portal; `key` is what its addresses are made of."""

    id: int
    name: str
    extension: str
    folder: str
    folder_id: int
    access: str
    mime: str
    body: bytes = field(repr=False)
    key: str = field(repr=False)
    created: float
    updated: float
    expires_at: float | None = None
    archived_at: float | None = None

    @property
    def file_name(self) -> str:
        return f"{self.name}.{self.extension}" if self.extension else self.name

    @property
    def path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.file_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to a record, as webhooks will tell it.

    Shape: `event` is creation, deletion, propertyChange, merge, restore or associationChange;
    `source` is the wire's `changeSource`; `details` are the wire's own keys of that event.
    """

    event: str
    kind: str
    record_id: int
    at: float
    source: str
    source_id: str
    app_id: int | None = None
    details: Json = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Crm:
    """Everything by object type id. `links`: from a record to a record, what ties them."""

    records: dict[str, dict[int, Record]] = field(default_factory=dict)
    properties: dict[str, dict[str, Property]] = field(default_factory=dict)
    groups: dict[str, dict[str, Json]] = field(default_factory=dict)
    pipelines: dict[str, list[Pipeline]] = field(default_factory=dict)
    links: dict[Ref, dict[Ref, list[Link]]] = field(default_factory=dict)
    keys: dict[Key, int] = field(default_factory=dict, repr=False)
    writes: dict[Ref, list[float]] = field(default_factory=dict, repr=False)
    locked_until: dict[Ref, float] = field(default_factory=dict, repr=False)

    def file_away(self, record: Record, keys: set[Key]) -> None:
        """Let a record be found by these keys, and by no others."""
        for key in record.keys - keys:
            if self.keys.get(key) == record.id:
                del self.keys[key]
        self.keys |= dict.fromkeys(keys, record.id)
        record.keys = keys

    def of(self, kind: str) -> dict[int, Record]:
        return self.records.setdefault(kind, {})

    def record(self, kind: str, record_id: int, *, archived: bool = False) -> Record | None:
        found = self.of(kind).get(record_id)
        return found if found is not None and found.archived == archived else None
