from collections.abc import Iterator

import pytest

from tests.postgres import PostgresServers, database_url, execute, postgres_flavours


@pytest.fixture(params=postgres_flavours(), ids=lambda flavour: flavour.name)
def empty_postgres_url(
    request: pytest.FixtureRequest, postgres_servers: PostgresServers
) -> Iterator[str]:
    """A database that was never migrated, once on each flavour."""
    server = postgres_servers.url(request.param)
    name = f"{postgres_servers._prefix}_empty_{next(postgres_servers.numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield database_url(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")
