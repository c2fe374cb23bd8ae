"""`threadline backup`, `threadline restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from middleware import log
from middleware.cli.session import Json, Session, session_of

# What the commands of this module need takes long to import, and others do not wait for it.


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    where: Annotated[Path, typer.Argument(help="File to write, or a folder to put it in.")],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Put the keys in, too: whoever has the file has every account."
        ),
    ] = False,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Leave out the files of messages.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write everything the hub knows into one file, while it works, and prove the file whole."""
    from middleware.backup.archive import verified  # noqa: PLC0415  # see above
    from middleware.backup.flow import back_up  # noqa: PLC0415

    session = _quiet(context)
    with session.sentences():
        written = asyncio.run(
            back_up(session.settings, where, with_keys=with_keys, with_files=not no_files)
        )
        manifest = verified(written)
    if as_json:
        session.json({"file": written, "size_bytes": written.stat().st_size, **dict(manifest)})
        return
    session.say("backed_up", file=written, rows=manifest.rows, files=manifest.count_of_files)
    match manifest.keys:
        case "included":
            session.hint("backup_has_keys")
        case "in data_dir":
            session.hint("backup_lacks_keys", keys=session.settings.data_dir / "keys")
        case _:
            session.hint("backup_keys_given")
    if manifest.files == "in the bucket":
        session.hint("backup_bucket", bucket=session.settings.s3_bucket)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `threadline backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give up what is in the database now.")
    ] = False,
    keys_lost: Annotated[
        bool,
        typer.Option("--keys-lost", help="Restore although no key opens the accounts any more."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only prove the file whole. Changes nothing.")
    ] = False,
) -> None:
    """Put a backup into an empty database, with every hub stopped."""
    from middleware.backup.archive import verified  # noqa: PLC0415  # see above
    from middleware.backup.flow import restore as put_back  # noqa: PLC0415

    session = _quiet(context)
    with session.sentences():
        if check:
            manifest = verified(file)
            session.say("backup_whole", file=file, at=f"{manifest.made_at:%Y-%m-%d %H:%M:%S}")
            return
        manifest = asyncio.run(
            put_back(session.settings, file, replace=replace, keys_lost=keys_lost)
        )
    at = f"{manifest.made_at:%Y-%m-%d %H:%M:%S}"
    session.say("restored", at=at, rows=manifest.rows, files=manifest.count_of_files)
    session.say("restored_next")


def _quiet(context: typer.Context) -> Session:
    session = session_of(context)
    level = "warning" if session.settings.log_level == "info" else session.settings.log_level
    log.configure(session.settings.model_copy(update={"log_level": level}))
    return session
