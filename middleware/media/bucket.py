"""The media store of several machines: a bucket that speaks S3, an object for each digest.

One PUT makes an object, so it is there whole or not at all, and nothing of a broken upload is left
behind. Nothing is read whole but what an adapter has to hand over whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Self

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from middleware.media.port import MediaAway, MediaRefused
from middleware.media.rules import path_of, sniff
from middleware.settings import Settings

PIECE = 256 * 1024
# A file passes in as long as an adapter may take for it, or not at all.
PASSES_IN_S = 20.0
ANSWERS_IN_S = 2.0
# Whoever fetches a file from us may be slow; a single piece may not.
SERVED_IN = timedelta(minutes=30)
CONNECTS_IN = timedelta(seconds=2)
REPEATS: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}


@dataclass(frozen=True, slots=True)
class Bucket:
    """See `middleware.media.port.MediaStore`."""

    store: S3Store = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        client: Any = {"timeout": SERVED_IN, "connect_timeout": CONNECTS_IN}
        if settings.s3_endpoint.startswith("http://"):
            client["allow_http"] = True
        store = S3Store(
            settings.s3_bucket,
            prefix=settings.s3_prefix.strip("/") or None,
            endpoint=settings.s3_endpoint or None,
            region=settings.s3_region,
            access_key_id=settings.s3_key_id,
            secret_access_key=settings.s3_secret.get_secret_value(),
            client_options=client,
            retry_config=REPEATS,
        )
        return cls(store)

    async def put(self, body: bytes) -> str:
        key = (await asyncio.to_thread(sha256, body)).hexdigest()
        with _sentences():
            async with asyncio.timeout(PASSES_IN_S):
                try:
                    # Also when it is there: `discard` must see that it is kept anew.
                    await obstore.put_async(
                        self.store,
                        path_of(key),
                        body,
                        attributes={"Content-Type": sniff(body)},
                        use_multipart=False,
                    )
                except FileNotFoundError:
                    raise MediaRefused("there is no such bucket") from None
        return key

    async def get(self, key: str) -> bytes | None:
        with _sentences():
            async with asyncio.timeout(PASSES_IN_S):
                found = await self._find(key)
                return None if found is None else (await found.bytes_async()).to_bytes()

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        with _sentences():
            async with asyncio.timeout(PASSES_IN_S):
                found = await self._find(key)
        return None if found is None else _pieces(found.stream(min_chunk_size=PIECE))

    async def discard(self, key: str, *, unless_kept_since: datetime) -> bool:
        with _sentences():
            async with asyncio.timeout(PASSES_IN_S):
                try:
                    kept = await obstore.head_async(self.store, path_of(key))
                except FileNotFoundError:
                    await self._look()
                    return True
                if kept["last_modified"] >= unless_kept_since:
                    return False
                await obstore.delete_async(self.store, path_of(key))
                return True

    async def check(self) -> None:
        with _sentences():
            async with asyncio.timeout(ANSWERS_IN_S):
                await self._look()

    async def _find(self, key: str) -> Any:
        """A bucket that is not there has no object either, and must not look like an empty one."""
        try:
            return await obstore.get_async(self.store, path_of(key))
        except FileNotFoundError:
            await self._look()
            return None

    async def _look(self) -> None:
        """Ask for a list that is empty in every bucket of ours."""
        async for _ in obstore.list(self.store, prefix="none"):
            return


async def _pieces(stream: Any) -> AsyncIterator[bytes]:
    with _sentences():
        while True:
            async with asyncio.timeout(PASSES_IN_S):
                try:
                    piece = await anext(stream)
                except StopAsyncIteration:
                    return
            yield bytes(piece)


@contextmanager
def _sentences() -> Iterator[None]:
    """Say what went wrong in words of ours: those of the library hold addresses and answers."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError):
        raise MediaRefused("the bucket does not accept the key") from None
    except BaseError as error:
        if "NoSuchBucket" in str(error):
            raise MediaRefused("there is no such bucket") from None
        raise MediaAway("the bucket does not answer") from None
    except TimeoutError:
        raise MediaAway("the bucket did not answer in time") from None
