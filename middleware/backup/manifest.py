"""What a backup says of itself: the last thing written into it, and the first that is read."""

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

MANIFEST = "manifest.json"
KEYS = "keys"
TABLES, MEDIA = "tables/", "media/"


Keys: TypeAlias = Literal["included", "in data_dir", "in THREADLINE_SECRET_KEYS"]
Files: TypeAlias = Literal["included", "left out", "in the bucket"]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Said):
    """A file inside: its length and its SHA-256."""

    name: str
    size_bytes: int
    sha256: str


class TableCopy(_Said):
    """A table, as PostgreSQL's COPY spells its rows."""

    name: str
    columns: tuple[str, ...]
    rows: int

    @property
    def member(self) -> str:
        return f"{TABLES}{self.name}.copy"


class Counter(_Said):
    """A sequence of numbers, and how far it had got; None: no number was taken yet."""

    name: str
    last: int | None


class Manifest(_Said):
    """Tables come in an order in which none refers to a later one.

    `keys` says where those are that open the secrets: here, beside the hub's data, or in its
    settings. `partitions` are the days that had one.
    """

    format: Literal[1] = 1
    version: str
    revision: str
    made_at: datetime
    server: str
    tables: tuple[TableCopy, ...]
    sequences: tuple[Counter, ...]
    partitions: tuple[str, ...]
    keys: Keys
    files: Files
    members: tuple[Member, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def count_of_files(self) -> int:
        return sum(member.name.startswith(MEDIA) for member in self.members)
