"""Two bare servers: what HTTP alone costs here, and what a commit for every request costs.

python -m middleware.bench.floors echo|commit --port 9000 [--database URL]
"""

import argparse
from typing import Any

import asyncpg
import uvicorn
import uvloop

POOL = 8
TABLE = "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, body bytea NOT NULL)"
INSERT = "INSERT INTO floor (body) VALUES ($1)"
HEAD: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
}
BODY = {"type": "http.response.body", "body": b"{}"}


class Floor:
    """Reads the body, keeps it when there is a pool, and answers."""

    def __init__(self, pool: asyncpg.Pool | None) -> None:
        self.pool = pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        if self.pool is not None:
            async with self.pool.acquire() as connection:
                await connection.execute(INSERT, body)
        await send(HEAD)
        await send(BODY)


async def serve(port: int, database: str) -> None:
    pool = None
    if database:
        pool = await asyncpg.create_pool(database, min_size=POOL, max_size=POOL)
        async with pool.acquire() as connection:
            await connection.execute(TABLE)
    config = uvicorn.Config(
        Floor(pool), port=port, log_config=None, access_log=False, lifespan="off"
    )
    await uvicorn.Server(config).serve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("echo", "commit"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", default="")
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.database))


if __name__ == "__main__":
    main()
