"""Everything a hub knows, in one file and back, on every PostgreSQL; and what is refused."""

import asyncio
import stat
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from pydantic import SecretStr

from middleware.backup.archive import BackupDamaged, BackupExists, verified
from middleware.backup.flow import KeysMissing, NotEmpty, back_up, restore
from middleware.backup.manifest import KEYS, MANIFEST
from middleware.backup.store import since_last
from middleware.db import migrate, schema
from middleware.errors import BadRequest
from middleware.hub import open_database, open_hub
from middleware.media.folder import Folder
from middleware.operations.access.flow import HubIsRunning
from middleware.settings import Settings
from tests.migrations.database import session
from tests.postgres import open_directory

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '_[0-9]{8}$'"

SPELT = "SELECT t::text FROM {} AS t"


def settings_on(url: str, folder: Path, **changes: object) -> Settings:
    return Settings(database_url=SecretStr(url), data_dir=folder, **changes)  # type: ignore[arg-type]


async def fill(url: str, vault_seals: bytes) -> None:
    """Put something into tables of every sort: partitioned, numbered, sealed, with odd bytes."""
    async with session(url) as at:
        workspace = await at.fetchval("SELECT id FROM workspaces")
        connection = await at.fetchval(
            "INSERT INTO connections (id, workspace_id, kind, provider, account, title, config,"
            " address) VALUES (gen_random_uuid(), $1, 'channel', 'telegram', '7', E'a\\tb\\\\N',"
            " $2, 'x') RETURNING id",
            workspace,
            vault_seals,
        )
        for day, body in ((1, b"\x00\xff\n\\."), (40, b""), (9999, b"old")):
            digest = await at.fetchval(
                "INSERT INTO inbox (connection_id, digest, received_at) VALUES"
                " ($1, sha256($2), now() - make_interval(days => $3)) RETURNING digest",
                connection,
                body,
                day,
            )
            await at.execute(
                "INSERT INTO bodies (received_at, connection_id, digest, body)"
                " SELECT received_at, connection_id, digest, $2 FROM inbox WHERE digest = $1",
                digest,
                body,
            )
        await at.execute("INSERT INTO pulses VALUES (1, now(), 'here')")


async def content(url: str) -> dict[str, list[str]]:
    """Every row of every table, as PostgreSQL spells it."""
    async with session(url) as at:
        names = sorted(row["tablename"] for row in await at.fetch(TABLES))
        return {
            name: sorted(str(row[0]) for row in await at.fetch(SPELT.format(name)))
            for name in names
            if name not in {"pulses", "audit_log"}
        }


@asynccontextmanager
async def a_used_hub(url: str, folder: Path) -> AsyncIterator[Settings]:
    settings = settings_on(url, folder)
    async with open_hub(settings) as hub:
        await hub.connections.workspace()
        await fill(url, hub.vault.seal({"token": "t"}))
        await Folder(folder / "media").put(b"a photo")
    yield settings


async def test_what_was_backed_up_is_what_is_restored(
    postgres_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    async with a_used_hub(postgres_url, tmp_path / "here") as here:
        path = await back_up(here, tmp_path, with_keys=True, with_files=True)
        async with open_hub(here) as hub:
            since = await since_last(hub.engine)
            assert since is not None
            assert since < timedelta(minutes=1)
    there = settings_on(empty_postgres_url, tmp_path / "there")

    manifest = await restore(there, path)

    assert await content(empty_postgres_url) == await content(postgres_url)
    assert (manifest.count_of_files, manifest.keys) == (1, "included")
    assert await Folder(tmp_path / "there/media").get(_only_key(tmp_path / "there/media")) == (
        b"a photo"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "there" / KEYS).stat().st_mode) == 0o600
    async with session(postgres_url) as a, session(empty_postgres_url) as b:
        number = "SELECT nextval('inbox_arrival_seq')"
        assert await a.fetchval(number) == await b.fetchval(number)
        (restored,) = await b.fetch("SELECT database FROM pulses")
        assert restored["database"] == "restored"
        noted = await b.fetchval("SELECT action FROM audit_log ORDER BY id DESC")
        assert noted == "backup.restored"
    async with open_hub(there) as hub:
        assert await since_last(hub.engine) is None
        (row,) = await hub.connections.all()
        assert hub.vault.open(row.config) == {"token": "t"}


def _backups(folder: Path) -> list[str]:
    return [found.name for found in folder.glob("*.zip*")]


def _only_key(folder: Path) -> str:
    (found,) = folder.glob("??/*")
    return found.name


async def test_a_backup_of_an_older_schema_is_migrated_up(
    postgres_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    scripts = ScriptDirectory("migrations")
    older = [script.revision for script in scripts.walk_revisions()][3]
    async with a_used_hub(postgres_url, tmp_path) as settings:
        await migrate.downgrade(postgres_url, older)
        path = await back_up(settings, tmp_path / "old.zip", with_keys=False, with_files=False)
    assert verified(path).revision == older

    await restore(settings_on(empty_postgres_url, tmp_path), path)

    assert await migrate.known_revision(empty_postgres_url) == schema.newest()
    async with session(empty_postgres_url) as at:
        assert await at.fetchval("SELECT count(*) FROM bodies") == 3


async def test_the_snapshot_is_one_moment_while_a_hub_writes(
    postgres_url: str, tmp_path: Path
) -> None:
    """Connections come first and bodies last: what is written between is in neither."""
    async with a_used_hub(postgres_url, tmp_path) as settings, session(postgres_url) as busy:
        row = await busy.fetchrow("SELECT connection_id FROM inbox")
        assert row is not None

        async def write() -> None:
            for number in range(10_000):
                async with busy.transaction():
                    await busy.execute(
                        "WITH kept AS (INSERT INTO inbox (connection_id, digest) VALUES"
                        " ($1, sha256($2)) RETURNING *) INSERT INTO bodies SELECT received_at,"
                        " connection_id, digest, $2 FROM kept",
                        row["connection_id"],
                        b"%d" % number,
                    )

        writing = asyncio.create_task(write())
        async with session(postgres_url) as at:
            while await at.fetchval("SELECT count(*) FROM inbox") < 50:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        path = await back_up(settings, tmp_path / "b.zip", with_keys=False, with_files=False)
        assert not writing.done()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    rows = {table.name: table.rows for table in verified(path).tables}
    assert rows["inbox"] == rows["bodies"] >= 50


async def test_a_restore_is_refused_where_somebody_has_data_unless_it_is_given_up(
    postgres_url: str, tmp_path: Path
) -> None:
    async with a_used_hub(postgres_url, tmp_path) as settings:
        path = await back_up(settings, tmp_path / "b.zip", with_keys=False, with_files=False)
    async with session(postgres_url) as at:
        await at.execute("UPDATE connections SET title = 'later'")

    with pytest.raises(NotEmpty, match="--replace"):
        await restore(settings, path)
    async with session(postgres_url) as at:
        assert await at.fetchval("SELECT title FROM connections") == "later"

    await restore(settings, path, replace=True)
    async with session(postgres_url) as at:
        assert await at.fetchval("SELECT title FROM connections") == "a\tb\\N"


async def test_a_restore_is_refused_while_a_hub_works(postgres_url: str, tmp_path: Path) -> None:
    async with a_used_hub(postgres_url, tmp_path) as settings:
        path = await back_up(settings, tmp_path / "b.zip", with_keys=False, with_files=False)
        async with open_hub(settings) as hub:
            await hub.store.silence()
            with pytest.raises(HubIsRunning):
                await restore(settings, path, replace=True)


async def test_a_failure_half_way_leaves_what_was_there(postgres_url: str, tmp_path: Path) -> None:
    async with a_used_hub(postgres_url, tmp_path) as settings:
        path = await back_up(settings, tmp_path / "b.zip", with_keys=False, with_files=False)
    before = await content(postgres_url)
    elsewhere = settings_on(postgres_url, tmp_path / "without keys")

    with pytest.raises(KeysMissing, match="--keys-lost"):
        await restore(elsewhere, path, replace=True)
    assert await content(postgres_url) == before

    given = settings_on(
        postgres_url, tmp_path, secret_keys=SecretStr(Fernet.generate_key().decode())
    )
    with pytest.raises(KeysMissing):
        await restore(given, path, replace=True)
    await restore(given, path, replace=True, keys_lost=True)
    assert await content(postgres_url) == before


async def test_keys_of_the_backup_join_those_that_are_there(
    postgres_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    async with a_used_hub(postgres_url, tmp_path / "here") as here:
        path = await back_up(here, tmp_path / "b.zip", with_keys=True, with_files=False)
    there = tmp_path / "there"
    there.mkdir()
    (there / KEYS).write_text(other := Fernet.generate_key().decode(), "ascii")

    await restore(settings_on(empty_postgres_url, there), path)

    theirs = (tmp_path / "here" / KEYS).read_text("ascii").split()
    assert (there / KEYS).read_text("ascii").split() == [other, *theirs]


async def test_given_keys_are_never_copied(postgres_url: str, tmp_path: Path) -> None:
    given = SecretStr(Fernet.generate_key().decode())
    async with open_hub(settings := settings_on(postgres_url, tmp_path, secret_keys=given)):
        pass
    with pytest.raises(BadRequest, match="THREADLINE_SECRET_KEYS"):
        await back_up(settings, tmp_path / "b.zip", with_keys=True, with_files=False)
    path = await back_up(settings, tmp_path / "b.zip", with_keys=False, with_files=False)
    assert verified(path).keys == "in THREADLINE_SECRET_KEYS"
    assert KEYS not in zipfile.ZipFile(path).namelist()


@pytest.fixture
async def path(postgres_url: str, tmp_path: Path) -> Path:
    async with a_used_hub(postgres_url, tmp_path) as settings:
        return await back_up(settings, tmp_path / "b.zip", with_keys=True, with_files=True)


def test_a_backup_that_was_cut_short_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupDamaged, match="Nothing was changed"):
            verified(path)


def bytes_of(member: zipfile.ZipInfo, whole: bytes) -> range:
    """Where a member lies: after a header of thirty, its name, and what follows that.

    Its first and last byte have bits that mean nothing.
    """
    lengths = whole[member.header_offset + 26 : member.header_offset + 30]
    name, more = int.from_bytes(lengths[:2], "little"), int.from_bytes(lengths[2:], "little")
    begin = member.header_offset + 30 + name + more
    return range(begin + 1, begin + member.compress_size - 1)


def test_a_backup_with_any_byte_changed_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        filled = [bytes_of(each, whole) for each in file.infolist() if each.file_size]
    places = [place for member in filled for place in member[::29]]
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= 1
        path.write_bytes(altered)
        with pytest.raises(BackupDamaged):
            verified(path)


@pytest.mark.parametrize("name", ["keys", "tables/connections.copy", "../../etc/cron", "more"])
def test_a_backup_with_a_member_replaced_or_added_is_refused(path: Path, name: str) -> None:
    draft = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(draft, "w") as new:
        for each in old.namelist():
            new.writestr(each, b"other" if each == name else old.read(each))
        if name not in old.namelist():
            new.writestr(name, b"more")
    with pytest.raises(BackupDamaged):
        verified(draft)


async def test_a_backup_of_a_newer_version_is_refused(path: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.zip"
    said = verified(path).model_copy(update={"revision": "f00d", "version": "9.9"})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(newer, "w") as new:
        for each in old.namelist():
            new.writestr(each, said.model_dump_json() if each == MANIFEST else old.read(each))
    with pytest.raises(BackupDamaged, match=r"made by Threadline 9\.9"):
        await restore(settings_on("postgresql://127.0.0.1:1/nowhere", tmp_path), newer)


async def test_a_backup_is_never_written_over_something(path: Path, postgres_url: str) -> None:
    with pytest.raises(BackupExists):
        await back_up(
            settings_on(postgres_url, path.parent), path, with_keys=False, with_files=True
        )
    verified(path)
    assert _backups(path.parent) == ["b.zip"]


async def test_an_empty_database_is_no_backup(empty_postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no hub has ever used it"):
        await back_up(
            settings_on(empty_postgres_url, tmp_path), tmp_path, with_keys=False, with_files=True
        )


async def test_a_database_of_a_newer_version_is_left_to_it(
    postgres_url: str, tmp_path: Path
) -> None:
    async with session(postgres_url) as at:
        await at.execute("UPDATE alembic_version SET version_num = 'f00d'")
    with pytest.raises(schema.DatabaseNewer):
        await back_up(
            settings_on(postgres_url, tmp_path), tmp_path, with_keys=False, with_files=True
        )
    assert not _backups(tmp_path)


async def test_the_embedded_database_is_backed_up_and_restored_the_same_way() -> None:
    folder = open_directory("threadline-backup-")
    here, there = Settings(data_dir=folder / "here"), Settings(data_dir=folder / "there")
    async with open_hub(here) as hub:
        await hub.connections.workspace()
        url = hub.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        await fill(url, hub.vault.seal({"token": "t"}))
        path = await back_up(here, folder, with_keys=True, with_files=True)
        before = await content(url)

    await restore(there, path)

    async with open_database(there) as restored:
        assert await content(restored) == before
        connected = await asyncpg.connect(restored)
        await connected.close()
