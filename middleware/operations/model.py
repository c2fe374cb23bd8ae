"""Who asks, and how long answers are handed out: in pages, each knowing where the next begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from mappers.vocabulary import WorkspaceId
from middleware.errors import BadRequest, Conflict

T = TypeVar("T")
LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks for something in one workspace. `name` is what the audit log will say."""

    workspace: WorkspaceId
    name: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a longer list. `next` is the cursor of the page after it; empty on the last."""

    items: tuple[T, ...]
    next: str = ""


def page_of(items: Sequence[T], limit: int, cursors: Sequence[object]) -> Page[T]:
    """Cut a list that was read one item too long."""
    if len(items) <= limit:
        return Page(tuple(items))
    return Page(tuple(items[:limit]), str(cursors[limit - 1]))


def limited(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def id_cursor(cursor: str) -> UUID | None:
    """Raises: `BadRequest` for a cursor that no page of ours ended with."""
    try:
        return UUID(cursor) if cursor else None
    except ValueError:
        raise BadRequest("This cursor is not one of ours: begin without one.") from None


def number_cursor(cursor: str) -> int | None:
    """Raises: `BadRequest` for a cursor that no page of ours ended with."""
    if cursor and not (cursor.isdecimal() and len(cursor) < 19):
        raise BadRequest("This cursor is not one of ours: begin without one.")
    return int(cursor) if cursor else None


class InterruptedWork(Conflict):
    """Traffic was in the way again and again. Nothing was changed."""

    code = "busy"
