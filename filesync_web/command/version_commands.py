"""`filesync versions`, `restore`, `trash` and `conflicts`: what files had before, and how it is had back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from filesync_web.command.cli import FileName, Json, NoWait, freshen, tell_server, use_store
from filesync_web.command.console import Console, shown_time
from filesync_web.command.failures import AmbiguousNameError
from filesync_web.command.listing import find, name_of
from filesync_web.command.session import Session
from filesync_web.core.shown_size import shown_size
from filesync_web.errors import UnknownFileError
from filesync_web.files.trash import DeletedFile
from filesync_web.files.versions import Choice, FileVersion

_COLUMNS = ("hash", "made", "size", "kept until", "conflict", "name")


def versions(context: typer.Context, name: FileName, as_json: Json = False) -> None:
    """List what a file had before, the newest first; 'filesync restore' gives it back.

    Example: filesync versions notes.txt
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        await freshen(session, console)
        _show(console, await session.files.list_versions(_file_id(session, await _deleted(session), name)))

    use_store(context, use)


def restore(
    context: typer.Context,
    name: FileName,
    version: Annotated[
        str | None, typer.Option(metavar="HASH", help="The content to go back to, as 'versions' lists it.")
    ] = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Bring a deleted file back, or give a file an earlier content again.

    Example: filesync restore notes.txt --version 5891b5b5
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> dict[str, str]:
        await freshen(session, console)
        file_id = _file_id(session, await _deleted(session), name)
        if version is None:
            await session.files.restore_file(file_id)
        else:
            found = await session.files.list_versions(file_id)
            await session.files.restore_version(file_id, _content(found, version))
        record = session.tables.live(file_id)
        console.step(f"restored\t{file_id}\t{name_of(record)}")
        await tell_server(session, console, no_wait=no_wait)
        return {"id": file_id, "name": name_of(record), "content_hash": record.content_hash}

    console.result(use_store(context, use))


def trash(
    context: typer.Context,
    purge: Annotated[
        str | None, typer.Option(metavar="FILE", help="Keep nothing of that deleted file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the deleted files that can be had back, or let one of them go for good.

    Example: filesync trash --purge notes.txt
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        await freshen(session, console)
        deleted = await _deleted(session)
        if purge is None:
            _show_deleted(console, deleted)
            return
        file_id = _deleted_id(deleted, purge)
        await session.files.purge_file(file_id)
        console.result({"purged": file_id}, f"purged\t{file_id}")
        await tell_server(session, console, no_wait=False)

    use_store(context, use)


def conflicts(
    context: typer.Context,
    take: Annotated[str | None, typer.Option(metavar="HASH", help="Make it the file's content.")] = None,
    new_file: Annotated[str | None, typer.Option(metavar="HASH", help="Make a new file of it.")] = None,
    drop: Annotated[str | None, typer.Option(metavar="HASH", help="Leave it a version like others.")] = None,
    as_json: Json = False,
) -> None:
    """List the changes that somebody else's change has overtaken unseen, or settle one.

    Example: filesync conflicts --take 5891b5b5
    """
    console = Console(as_json=as_json)
    asked: dict[Choice, str | None] = {"take": take, "new_file": new_file, "drop": drop}

    async def use(session: Session) -> None:
        await freshen(session, console)
        found = await session.files.list_conflicts()
        settled: list[dict[str, Any]] = []
        for choice, text in asked.items():
            if text is not None:
                content_hash = _content(found, text)
                file_id = next(version.file_id for version in found if version.content_hash == content_hash)
                new_id = await session.files.resolve_conflict(file_id, content_hash, choice)
                settled.append({"id": new_id, "content_hash": content_hash, "choice": choice})
                console.step(f"settled\t{choice}\t{content_hash}")
        if not settled:
            _show(console, found)
            return
        await tell_server(session, console, no_wait=False)
        console.result(settled)

    use_store(context, use)


async def _deleted(session: Session) -> list[DeletedFile]:
    return await session.files.list_deleted()


def _file_id(session: Session, deleted: list[DeletedFile], text: str) -> str:
    """The one file that is meant, a live one first."""
    try:
        return find(session, text).id
    except UnknownFileError:
        return _deleted_id(deleted, text)


def _deleted_id(deleted: list[DeletedFile], text: str) -> str:
    meant = [file.file_id for file in deleted if text in {file.file_id, file.name, file.content_hash}]
    if not meant:
        raise UnknownFileError(
            f"no deleted file has the name, id or hash {text!r:.200}; 'filesync trash' lists them"
        )
    return _only(meant, text)


def _content(found: list[FileVersion], text: str) -> str:
    """The one content that is meant by its hash or the beginning of it."""
    meant = sorted({version.content_hash for version in found if version.content_hash.startswith(text)})
    if not text or not meant:
        raise UnknownFileError(f"no content has the hash {text!r:.200}")
    return _only(meant, text)


def _only(meant: list[str], text: str) -> str:
    if len(meant) > 1:
        listed = "\n".join(f"  {one}" for one in meant[:10])
        raise AmbiguousNameError(f"{len(meant)} are meant by {text!r:.200}; give one of them:\n{listed}")
    return meant[0]


def _show(console: Console, found: list[FileVersion]) -> None:
    value = [
        {
            "id": version.file_id,
            "content_hash": version.content_hash,
            "made_at": shown_time(version.made_at),
            "client_id": version.client_id,
            "size": version.size_bytes,
            "name": version.name,
            "is_current": version.is_current,
            "conflict": version.conflict,
            "kept_until": _until(version.kept_until),
        }
        for version in found
    ]
    rows = [
        (
            version.content_hash,
            shown_time(version.made_at) or "?",
            shown_size(version.size_bytes or 0),
            _until(version.kept_until) or "",
            version.conflict,
            version.name or "",
        )
        for version in found
    ]
    console.table(value, _COLUMNS, rows)


def _show_deleted(console: Console, deleted: list[DeletedFile]) -> None:
    value = [
        {
            "id": file.file_id,
            "name": file.name,
            "size": file.size_bytes,
            "content_hash": file.content_hash,
            "deleted_at": shown_time(file.deleted_at),
            "kept_until": _until(file.kept_until),
        }
        for file in deleted
    ]
    rows = [
        (file.file_id, shown_size(file.size_bytes or 0), _until(file.kept_until) or "", file.name or "")
        for file in deleted
    ]
    console.table(value, ("id", "size", "kept until", "name"), rows)


def _until(kept_until: float) -> str | None:
    return None if kept_until == float("inf") else shown_time(int(kept_until))


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(versions)
    app.command()(restore)
    app.command()(trash)
    app.command()(conflicts)
