"""The short way to PostgreSQL: a transaction on the driver itself, for the statements of traffic.

SQLAlchemy lends the connection and spells a statement once. What it would do for each execution
beside that costs five times what the driver takes, and messages wait for nothing else as often.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Protocol, overload

import asyncpg
from asyncpg.exceptions import InvalidCachedStatementError
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from middleware.db.engine import in_store_terms
from middleware.store.errors import StoreConflict

DIALECT = dialect()  # type: ignore[no-untyped-call]


class Session(Protocol):
    """Where statements run: inside a transaction, by the short way or by SQLAlchemy's."""

    async def execute(self, statement: Any, values: Any = None, /) -> Any: ...


class Row(asyncpg.Record):  # type: ignore[misc]  # asyncpg has no types
    """A row whose columns are attributes, as SQLAlchemy's are."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Rows(Sequence[Row]):
    """What a statement answered: its rows, and how many it touched."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Row], status: str) -> None:
        self._rows = rows
        count = status.rpartition(" ")[2]
        self.rowcount = int(count) if count.isdigit() else len(rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self._rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def all(self) -> Sequence[Row]:
        return self._rows

    def first(self) -> Row | None:
        return self._rows[0] if self._rows else None

    def one(self) -> Row:
        (row,) = self._rows
        return row

    def scalars(self) -> Iterator[Any]:
        return (row[0] for row in self._rows)

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self.one()[0]


class Spelt:
    """A statement as the driver takes it, and the order of its values."""

    __slots__ = ("names", "sql")

    def __init__(self, statement: TextClause) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self.names = tuple(compiled.positiontup or ())


@cache
def spelt(statement: TextClause) -> Spelt:
    return Spelt(statement)


Prepared = dict[TextClause, "PreparedStatement[Row]"]
_prepared: dict[Any, Prepared] = {}


def _prepared_on(connection: Any) -> Prepared:
    """Return what was prepared on a connection; it is forgotten when the connection ends."""
    if connection not in _prepared:
        _prepared[connection] = {}
        connection.add_termination_listener(_forget)
    return _prepared[connection]


def _forget(connection: Any) -> None:
    _prepared.pop(connection, None)


class Direct:
    """`Session` on a connection of the driver."""

    __slots__ = ("_connection", "_known")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._known = _prepared_on(connection)

    async def execute(
        self, statement: TextClause, values: Mapping[str, Any] | None = None, /
    ) -> Rows:
        """Raises: `StoreConflict` when a table has changed since the statement was prepared."""
        words = spelt(statement)
        prepared = self._known.get(statement)
        if prepared is None:
            prepared = await self._connection.prepare(words.sql, record_class=Row)
            self._known[statement] = prepared
        given = values or {}
        try:
            rows = await prepared.fetch(*[given[name] for name in words.names])
        except InvalidCachedStatementError:
            self._known.clear()
            raise StoreConflict("a table has changed") from None
        return Rows(rows, prepared.get_statusmsg())


@asynccontextmanager
async def session(engine: AsyncEngine) -> AsyncIterator[Direct]:
    """Begin, commit on a clean exit. Raises: as `in_store_terms`."""
    with in_store_terms():
        async with engine.connect() as lent:
            driver = await _alive(lent)
            try:
                async with driver.transaction():
                    yield Direct(driver)
            finally:
                if driver.is_closed():
                    await lent.invalidate()


async def _alive(lent: AsyncConnection) -> Any:
    """Return the driver's connection; one that died while it lay in the pool is replaced."""
    driver: Any = (await lent.get_raw_connection()).driver_connection
    if driver.is_closed():
        await lent.invalidate()
        driver = (await lent.get_raw_connection()).driver_connection
    return driver
