"""Every media store keeps the same promises: a folder, and a bucket over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from middleware.hub import Hub
from middleware.media.bucket import Bucket
from middleware.media.choice import NoBuckets, media_store
from middleware.media.folder import Folder
from middleware.media.port import MediaAway, MediaRefused, MediaStore
from middleware.media.store import forget_old
from middleware.settings import Settings
from tests.bucket import S3Server, s3_server
from tests.builders import an_open_hub
from tests.integration.test_media_door import a_file, path_of, stranger

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 700_000
NOBODYS = "0" * 64


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


@pytest.fixture(params=["folder", "bucket"])
def settings(request: pytest.FixtureRequest, server: S3Server, tmp_path: Path) -> Settings:
    where = server.settings() if request.param == "bucket" else {}
    return Settings(data_dir=tmp_path, **where)


class TestEveryStore:
    @pytest.fixture
    def store(self, settings: Settings) -> MediaStore:
        return media_store(settings)

    async def test_bytes_come_back_whole_and_in_pieces(self, store: MediaStore) -> None:
        key = await store.put(PNG)
        assert key == sha256(PNG).hexdigest() == await store.put(PNG)
        assert await store.get(key) == PNG
        pieces = await store.open(key)
        assert pieces is not None
        got = [piece async for piece in pieces]
        assert b"".join(got) == PNG
        assert len(got) > 1

    async def test_an_empty_file_is_a_file(self, store: MediaStore) -> None:
        assert await store.get(await store.put(b"")) == b""

    async def test_what_was_not_kept_is_not_there(self, store: MediaStore) -> None:
        assert await store.get(NOBODYS) is None
        assert await store.open(NOBODYS) is None
        assert await store.discard(NOBODYS, unless_kept_since=datetime.now(UTC))

    @pytest.mark.parametrize("key", ["", "../secrets", "A" * 64, "0" * 63 + "/"])
    async def test_no_key_leads_out(self, store: MediaStore, key: str) -> None:
        with pytest.raises(ValueError, match="SHA-256"):
            await store.get(key)

    async def test_what_is_kept_again_meanwhile_stays(self, store: MediaStore) -> None:
        key, now = await store.put(PNG), datetime.now(UTC)
        assert not await store.discard(key, unless_kept_since=now - timedelta(hours=1))
        assert await store.get(key) == PNG
        assert await store.discard(key, unless_kept_since=now + timedelta(hours=1))
        assert await store.get(key) is None

    async def test_many_at_once_do_not_meet(self, store: MediaStore) -> None:
        bodies = [bytes([number]) * 10_000 for number in range(20)]
        keys = await asyncio.gather(*(store.put(body) for body in bodies * 2))
        assert [await store.get(key) for key in keys] == bodies * 2

    async def test_it_says_that_it_can_be_used(self, store: MediaStore) -> None:
        await store.check()


class TestServing:
    @pytest.fixture
    async def hub(
        self, settings: Settings, postgres_url: str, tmp_path: Path
    ) -> AsyncIterator[Hub]:
        where = settings.model_dump(include={"data_dir"} | _names_of_bucket())
        where.pop("data_dir")
        async with an_open_hub(postgres_url, tmp_path, **where) as opened:
            yield opened

    async def test_a_file_is_served_and_forgotten(self, hub: Hub) -> None:
        path = path_of(hub, await a_file(hub, PNG))
        async with stranger(hub) as client:
            got = await client.get(path)
            assert (got.status_code, got.content) == (200, PNG)
            later = datetime.now(UTC) + timedelta(days=2)
            assert await forget_old(hub.files, hub.media, later) == 1
            assert (await client.get(path)).status_code == 404
        assert await hub.media.get(sha256(PNG).hexdigest()) is None


def _names_of_bucket() -> set[str]:
    return {name for name in Settings.model_fields if name.startswith("s3_")}


class TestABucket:
    @pytest.fixture
    def where(self, server: S3Server) -> dict[str, Any]:
        return server.settings()

    async def test_objects_say_what_they_are_and_lie_under_the_prefix(
        self, server: S3Server, where: dict[str, Any]
    ) -> None:
        key = await media_store(Settings(**where)).put(PNG)
        ((name, head),) = server.objects(where["s3_bucket"]).items()
        assert name == f"hub/{key[:2]}/{key}"
        assert head["ContentType"] == "image/png"

    async def test_an_upload_that_breaks_leaves_nothing(
        self, server: S3Server, where: dict[str, Any]
    ) -> None:
        async with cutting(server.port) as endpoint:
            broken = Bucket.of(Settings(**{**where, "s3_endpoint": endpoint}))
            with pytest.raises(MediaAway):
                await broken.put(PNG)
        assert server.objects(where["s3_bucket"]) == {}

    @pytest.mark.parametrize(
        "ask",
        [
            lambda store: store.put(PNG),
            lambda store: store.get(NOBODYS),
            lambda store: store.open(NOBODYS),
            lambda store: store.discard(NOBODYS, unless_kept_since=datetime.now(UTC)),
            lambda store: store.check(),
        ],
    )
    async def test_a_bucket_that_is_not_there_is_not_an_empty_one(
        self, where: dict[str, Any], ask: Callable[[MediaStore], Any]
    ) -> None:
        missing = media_store(Settings(**{**where, "s3_bucket": "nobodys"}))
        with pytest.raises(MediaRefused, match="no such bucket"):
            await ask(missing)
        away = media_store(Settings(**{**where, "s3_endpoint": "http://127.0.0.1:1"}))
        with pytest.raises(MediaAway, match="does not answer"):
            await ask(away)

    async def test_its_secret_is_shown_nowhere(self, where: dict[str, Any]) -> None:
        settings = Settings(**where)
        secret = settings.s3_secret.get_secret_value()
        away = media_store(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
        with pytest.raises(MediaAway) as refused:
            await away.put(PNG)
        assert secret not in f"{settings!r} {away!r} {refused.value!r} {refused.getrepr()}"

    async def test_a_large_file_is_served_without_being_held(
        self, server: S3Server, where: dict[str, Any]
    ) -> None:
        store = media_store(Settings(**where))
        key = await store.put(bytes(30_000_000))
        pieces = await store.open(key)
        assert pieces is not None
        longest = total = 0
        async for piece in pieces:
            longest, total = max(longest, len(piece)), total + len(piece)
        assert total == 30_000_000
        assert longest < 2_000_000


@asynccontextmanager
async def cutting(port: int) -> AsyncIterator[str]:
    """Stand before a server and end every connection in the middle of an upload."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, upstream = await asyncio.open_connection("127.0.0.1", port)
        upstream.write(await reader.read(100_000))
        await upstream.drain()
        upstream.close()
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


class TestChoosing:
    def test_without_a_bucket_files_lie_in_a_folder(self, tmp_path: Path) -> None:
        assert isinstance(media_store(Settings(data_dir=tmp_path)), Folder)

    def test_a_bucket_needs_its_key(self) -> None:
        with pytest.raises(ValidationError, match="S3_KEY_ID and S3_SECRET"):
            Settings(s3_bucket="files", s3_key_id="id")

    def test_a_bucket_needs_its_package(
        self, server: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "middleware.media.bucket", None)
        with pytest.raises(NoBuckets, match=r"pip install 'threadline\[s3\]'"):
            media_store(Settings(**server.settings()))


async def test_a_folder_that_cannot_be_written_to_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(MediaRefused, match="cannot be written to"):
        await Folder(tmp_path).check()


async def test_an_outage_is_told_and_loses_no_name(
    server: S3Server, postgres_url: str, tmp_path: Path
) -> None:
    async with an_open_hub(postgres_url, tmp_path, **server.settings()) as hub:
        path = path_of(hub, await a_file(hub, PNG))
        later = datetime.now(UTC) + timedelta(days=2)
        server.stop()
        try:
            async with stranger(hub) as client:
                got = await client.get(path)
                assert (got.status_code, got.headers["retry-after"]) == (503, "60")
                with pytest.raises(MediaAway):
                    await forget_old(hub.files, hub.media, later)
                said = (await client.get("/health/ready")).json()
        finally:
            server.start()
        assert "not_ready" in said["state"]  # nothing works here: see test_health
        async with stranger(hub) as client:
            assert (await client.get(path)).content == PNG
        assert await forget_old(hub.files, hub.media, later) == 1
