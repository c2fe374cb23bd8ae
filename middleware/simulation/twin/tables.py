"""Tables of the twin: rows by key, and indexes that find them by more than their key."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
RowT = TypeVar("RowT")

Index = Callable[[RowT], Hashable | None]


class Table(Generic[KeyT, RowT]):
    """Committed rows. An index maps a row to the value it is found by; None leaves it out."""

    def __init__(
        self, name: str, key: Callable[[RowT], KeyT], **indexes: Callable[[RowT], Hashable | None]
    ) -> None:
        self.name = name
        self.key_of = key
        self.rows: dict[KeyT, RowT] = {}
        self.indexes = indexes
        # A dict serves as a set that remembers its order, which a seed must not depend on.
        self._found: dict[str, dict[Hashable, dict[KeyT, None]]] = {name: {} for name in indexes}

    def keys(self, index: str, value: Hashable) -> Iterable[KeyT]:
        """Return the keys of the committed rows that this index finds, the oldest first."""
        return self._found[index].get(value, ())

    def reset(self, rows: Iterable[RowT]) -> None:
        """Hold these rows and no others."""
        for key in tuple(self.rows):
            self.drop(key)
        for row in rows:
            self.save(row)

    def save(self, row: RowT) -> None:
        key = self.key_of(row)
        old = self.rows.get(key)
        self.rows[key] = row
        for name, of in self.indexes.items():
            was, now = (of(old) if old is not None else None), of(row)
            if was != now:
                self._forget(name, was, key)
                if now is not None:
                    self._found[name].setdefault(now, {})[key] = None

    def drop(self, key: KeyT) -> None:
        if (row := self.rows.pop(key, None)) is not None:
            for name, of in self.indexes.items():
                self._forget(name, of(row), key)

    def _forget(self, index: str, value: Hashable | None, key: KeyT) -> None:
        if value is not None:
            keys = self._found[index][value]
            del keys[key]
            if not keys:
                del self._found[index][value]
