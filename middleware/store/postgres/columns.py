"""Rows as columns: one statement for many rows takes one array for each column."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam
from sqlalchemy.dialects.postgresql import ARRAY


def arrays(**types: Any) -> list[BindParameter[Any]]:
    """Declare the arrays that a statement unnests, by the types of their elements."""
    return [bindparam(name, type_=ARRAY(type_, dimensions=1)) for name, type_ in types.items()]


def by_column(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows of the same keys, at least one, into one list for each key."""
    return {name: [row[name] for row in rows] for name in rows[0]}
