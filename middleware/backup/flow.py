"""Backing up while the hub works, and restoring while none does."""

import getpass
import os
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO

from middleware.backup import archive, store
from middleware.backup.archive import Archive, BackupDamaged
from middleware.backup.manifest import KEYS, MEDIA, Files, Keys, Manifest, TableCopy
from middleware.db import migrate, partitions, schema
from middleware.db.engine import make_engine
from middleware.errors import BadRequest, Conflict
from middleware.hub import open_database
from middleware.media.rules import path_of
from middleware.operations.access.flow import HubIsRunning
from middleware.secrets import KEYS_FILE, UnreadableSecret, Vault, write_keys
from middleware.settings import Settings


class NotEmpty(Conflict):
    """There is somebody's data where the backup was to go."""

    code = "backup.database_not_empty"


class KeysMissing(Conflict):
    """What the backup holds could not be opened by the keys at hand."""

    code = "backup.keys_missing"


def named(where: Path, now: datetime) -> Path:
    """Choose a name by the time, where a folder was given."""
    return where / f"threadline-{now:%Y%m%dT%H%M%SZ}.zip" if where.is_dir() else where


async def back_up(settings: Settings, where: Path, *, with_keys: bool, with_files: bool) -> Path:
    """Write everything the hub knows into one file; return where it is.

    Raises: `BackupExists`; `BadRequest` for keys that are not ours to copy; `StoreUnavailable`;
    `DatabaseNewer`.
    """
    given = bool(settings.secret_keys.get_secret_value())
    if with_keys and given:
        raise BadRequest(
            "The keys come from THREADLINE_SECRET_KEYS, which only you have: they cannot be put"
            " into the backup. Leave --with-keys out, and keep a copy of that setting elsewhere."
        )
    path = named(where, datetime.now(UTC))
    async with open_database(settings) as url:
        revision = await migrate.known_revision(url)
        if revision is None:
            raise BadRequest("The database is empty: no hub has ever used it. Nothing was written.")
        with archive.writing(path) as into:
            copied = await store.copy_out(url, into)
            if with_keys:
                with into.member(KEYS) as write:
                    write((settings.data_dir / KEYS_FILE).read_bytes())
            if with_files and not settings.s3_bucket:
                _copy_files(settings.data_dir / "media", into)
            into.close_with(
                Manifest(
                    version=version("threadline"),
                    revision=revision,
                    made_at=copied.made_at,
                    server=copied.server,
                    tables=copied.tables,
                    sequences=copied.sequences,
                    partitions=copied.partitions,
                    keys=_where_keys_are(with_keys=with_keys, given=given),
                    files=_where_files_are(settings, with_files=with_files),
                    members=tuple(into.members),
                )
            )
        await store.note(url, _noted("backup.written", path, copied.made_at))
    return path


def _noted(action: str, path: Path, made_at: datetime) -> store.Noted:
    actor = f"cli {getpass.getuser()}"
    return store.Noted(actor=actor, action=action, subject=path.name, made_at=made_at)


def _where_keys_are(*, with_keys: bool, given: bool) -> Keys:
    if with_keys:
        return "included"
    return "in THREADLINE_SECRET_KEYS" if given else "in data_dir"


def _where_files_are(settings: Settings, *, with_files: bool) -> Files:
    if settings.s3_bucket:
        return "in the bucket"
    return "included" if with_files else "left out"


def _copy_files(folder: Path, into: Archive) -> None:
    """Copy what is kept. A file whose time ran out meanwhile is gone, and nobody asks for it."""
    for path in _kept(folder):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file, into.member(f"{MEDIA}{path_of(path.name)}", packed=False) as write:
            for piece in archive.pieces(file):
                write(piece)


def _kept(folder: Path) -> Iterator[Path]:
    """Drafts of files that are being written have longer names."""
    return (path for path in sorted(folder.glob("??/*")) if len(path.name) == 64)


async def restore(
    settings: Settings, path: Path, *, replace: bool = False, keys_lost: bool = False
) -> Manifest:
    """Put a backup into an empty database, or in the place of what is there.

    The backup is proven whole first, and the rows come in one transaction: a refusal at any step
    leaves what was there. The first hub that starts on it asks a person about what may have been
    done since the backup.

    Raises: `BackupDamaged`; `NotEmpty`; `KeysMissing`; `HubIsRunning`; `SchemaError`;
    `StoreUnavailable`.
    """
    manifest = archive.verified(path)
    if manifest.revision not in schema.known():
        raise BackupDamaged(
            f"{path} was made by Threadline {manifest.version}, whose database this version does"
            " not know. Nothing was changed. Restore with that version or a later one."
        )
    async with open_database(settings) as url:
        await _refuse(url, replace=replace)
        with zipfile.ZipFile(path) as file:
            check = _nothing_to_check if keys_lost else partial(_check, _keys(settings, file))
            await migrate.move(url, manifest.revision)
            await _make_partitions(url, manifest)
            async with migrate.sole_connection(url) as at:
                read = partial(_opened, file)
                await store.copy_in(at, manifest, read, check)
            _put_files(settings, file, manifest)
        await migrate.upgrade(url)
        await store.forget_what_came_after(url)
        await store.note(url, _noted("backup.restored", path, manifest.made_at))
    return manifest


async def _refuse(url: str, *, replace: bool) -> None:
    if await migrate.known_revision(url) is None:
        return
    async with migrate.sole_connection(url) as at:
        if await store.others_work(at):
            raise HubIsRunning(
                "A hub or a command of it works with this database. Nothing was changed. Stop"
                " every hub and every command, and restore then."
            )
        if not replace and await store.holds_anything(at):
            raise NotEmpty(
                "The database is not empty. Nothing was changed. Restore into an empty one, or"
                " say --replace to give up what is there; `threadline backup` keeps it before."
            )


def _keys(settings: Settings, file: zipfile.ZipFile) -> tuple[str, ...]:
    """Bring the keys together: ours go on opening what they opened, those of the backup too."""
    if given := settings.secret_keys.get_secret_value():
        return tuple(key.strip() for key in given.split(",") if key.strip())
    path = settings.data_dir / KEYS_FILE
    ours = tuple(path.read_text("ascii").split()) if path.exists() else ()
    if KEYS not in file.namelist():
        return ours
    # The last one signs links: those that operators were given have to go on working.
    kept = tuple(file.read(KEYS).decode("ascii").split())
    both = (*(key for key in ours if key not in kept), *kept)
    if both != ours:
        write_keys(path, both)
    return both


def _check(keys: tuple[str, ...], sealed: Sequence[bytes]) -> None:
    try:
        for secret in sealed:
            Vault(keys).open(secret)
    except (UnreadableSecret, ValueError) as error:
        raise KeysMissing(
            "The keys at hand do not open the accounts in this backup. Nothing was restored. Put"
            f" the {KEYS_FILE} file of its hub into the data directory, or set"
            " THREADLINE_SECRET_KEYS to its keys. Where they are lost for good, --keys-lost"
            " restores everything, and every account has to be connected again."
        ) from error


def _nothing_to_check(_: Sequence[bytes]) -> None:
    """Nobody can open them any more."""


def _opened(file: zipfile.ZipFile, copy: TableCopy) -> IO[bytes]:
    return file.open(copy.member)


async def _make_partitions(url: str, manifest: Manifest) -> None:
    engine = make_engine(url, pool_size=1, statement_timeout=migrate.STATEMENT_TIMEOUT)
    try:
        await partitions.ensure_days(engine, store.days_of(manifest.partitions))
    finally:
        await engine.dispose()


def _put_files(settings: Settings, file: zipfile.ZipFile, manifest: Manifest) -> None:
    """Put the files where they were. A name is what is in it: one that is there is the same."""
    for member in manifest.members:
        if not member.name.startswith(MEDIA):
            continue
        path = settings.data_dir / member.name
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.restoring")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as kept, file.open(member.name) as copied:
            for piece in archive.pieces(copied):
                kept.write(piece)
            kept.flush()
            os.fsync(kept.fileno())
        draft.replace(path)
