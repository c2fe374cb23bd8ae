"""Rows by the million, made by PostgreSQL itself: hooks that nobody read yet, and customers.

A customer is copied from one that the hub recorded, table by table and whatever its columns are,
so that nothing here has to follow the schema but the names of what refers to what.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from middleware.bench.load import first_chat
from middleware.bench.marks import WORDS

PATIENCE_S = 3600
HOOK = (
    '{"update_id":%s,"message":{"message_id":%s,"from":{"id":%s,"first_name":"Anna",'
    '"last_name":"Petrova","is_bot":false},"chat":{"id":%s,"first_name":"Anna",'
    '"last_name":"Petrova","type":"private"},"date":%s,"text":"' + WORDS.decode() + " [[%s]]"
    '"}}'
)
UNREAD = """
    WITH parcel AS (
        SELECT connections.id AS connection_id,
               decode(md5($2 || ':' || n), 'hex') AS digest,
               convert_to(format($1, n + 1, n + 1, $6 + n % $5, $6 + n % $5,
                   extract(epoch FROM now())::bigint + (n - $3) / $5,
                   format('%s.%s.%s.0', $2, n % $5, n / $5)), 'UTF8') AS body
        FROM connections, generate_series($3::bigint, $3::bigint + $4::bigint - 1) AS n
        WHERE connections.kind = 'channel' AND connections.account = $2
        ORDER BY n
    ), kept AS (
        INSERT INTO inbox (connection_id, digest, received_at)
        SELECT connection_id, digest, now() FROM parcel
    )
    INSERT INTO bodies (received_at, connection_id, digest, body)
    SELECT now(), connection_id, digest, body FROM parcel
"""
FAMILY = """
    SELECT id AS conversation, contact_id AS contact FROM conversations
    WHERE contact_id IS NOT NULL ORDER BY created_at LIMIT 1
"""
CLONES = """
    CREATE TEMP TABLE clones AS
    SELECT n, gen_random_uuid() AS contact, gen_random_uuid() AS conversation
    FROM generate_series(1, $1::int) AS n
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """How one table's row becomes a clone's: which rows are copied, and what is put in them."""

    table: str
    where: str
    fresh: str


COPIED = (
    Copied("contacts", "row.id = $1", "'id', clones.contact"),
    Copied(
        "identities",
        "row.contact_id = $1",
        "'contact_id', clones.contact, 'value', 'clone-' || clones.n",
    ),
    Copied(
        "contact_links",
        "row.contact_id = $1",
        "'contact_id', clones.contact, 'record', (10000000 + clones.n)::text",
    ),
    Copied(
        "deals",
        "row.contact_id = $1",
        "'contact_id', clones.contact, 'deal', (10000000 + clones.n)::text",
    ),
    Copied(
        "conversations",
        "row.id = $2",
        "'id', clones.conversation, 'external', 'clone-' || clones.n,"
        " 'contact_id', clones.contact, 'thread_id', clones.contact",
    ),
    Copied(
        "conversation_links",
        "row.conversation_id = $2",
        "'conversation_id', clones.conversation, 'external', 'clone-' || clones.n,"
        " 'ours', 'clone-' || clones.n",
    ),
)


async def unread(url: str, bot: int, *, count: int, chats: int, first: int = 1) -> None:
    """Leave so many hooks of a bot unread, numbered in every chat from `first`.

    Nobody writes more than once a second, by their own clocks: the newest lie ahead of ours.
    """
    await _run(url, UNREAD, HOOK, str(bot), first * chats, count, chats, first_chat(bot))


async def customers(url: str, count: int) -> None:
    """Copy the first customer so many times, with what the hub knows of one."""
    connection = await asyncpg.connect(url)
    try:
        family = await connection.fetchrow(FAMILY)
        if family is None:
            raise ValueError("there is no customer to copy")
        await connection.execute(CLONES, count, timeout=PATIENCE_S)
        for each in COPIED:
            given = (family["contact"], family["conversation"])
            await connection.execute(_copy(each), *given, timeout=PATIENCE_S)
        await connection.execute("ANALYZE", timeout=PATIENCE_S)
    finally:
        await connection.close()


def _copy(what: Copied) -> str:
    # The first condition is there so that both arguments are always used.
    return f"""
        INSERT INTO {what.table}
        SELECT (jsonb_populate_record(row, jsonb_build_object({what.fresh}))).*
        FROM clones, {what.table} AS row
        WHERE ($1::uuid IS NOT NULL AND $2::uuid IS NOT NULL) AND {what.where}
    """  # noqa: S608  # nothing in it comes from outside this module


async def _run(url: str, statement: str, *given: Any) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *given, timeout=PATIENCE_S)
    finally:
        await connection.close()
