"""The commands about single files: `put`, `get`, `cat`, `ls`, `rm`, `mv`, `edit`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from filesync_web.command.cli import (
    FileName,
    FileNames,
    Json,
    NoWait,
    existing,
    freshen,
    offline_reason,
    tell_server,
    use_store,
)
from filesync_web.command.console import Console, shown
from filesync_web.command.getting import CHUNK_SIZE, check_single_target, own_copy, save_as, target_of
from filesync_web.command.listing import COLUMNS, deleted_files, entries, find, live_files, name_of
from filesync_web.command.putting import Putter, named_files, until_uploaded
from filesync_web.command.session import Session


def put(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help="What to save.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give a file of the same name the new content.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Save files and whole folders, and wait until they are uploaded and confirmed.

    What the store has under the same name with the same content is left as it is, so that a put that was
    broken off can be given again. With the same name and another content it becomes another file, unless
    --replace.

    Example: filesync put holiday/ notes.txt
    """
    console = Console(as_json=as_json)
    files = list(named_files(existing(paths)))

    async def use(session: Session) -> list[dict[str, Any]]:
        offline = await offline_reason(session)
        async with session.alone("put"):
            putter = Putter(session, console, replace=replace)
            await putter.put(files)
        done = putter.done
        if not no_wait:
            if offline is not None:
                console.note("all is saved on this device, and 'filesync sync' uploads it")
                raise offline
            await session.files.retry_errors()
            await until_uploaded(session, [saved.file_id for saved in done], console)
        putter.check_complete()
        return [saved.members() for saved in done]

    console.result(use_store(context, use))


def get(
    context: typer.Context,
    names: FileNames,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, or a folder for it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write files of the store into this folder, or to -o.

    Example: filesync get notes.txt -o copy.txt
    """
    console = Console(as_json=as_json)
    check_single_target(len(names), out)

    async def use(session: Session) -> list[dict[str, Any]]:
        await freshen(session, console)
        records = [find(session, name, any_of_same_content=True) for name in names]
        done = []
        for record in records:
            async with own_copy(session, record, console) as (found, content):
                target = target_of(found, out)
                save_as(content, target, force=force)
            console.step(str(target))
            done.append({"id": found.id, "content_hash": found.content_hash, "path": str(target)})
        return done

    console.result(use_store(context, use))


def cat(context: typer.Context, names: FileNames) -> None:
    """Write the bytes of files to standard output.

    Example: filesync cat notes.txt | wc
    """
    console = Console(as_json=False)

    async def use(session: Session) -> None:
        await freshen(session, console)
        for record in [find(session, name, any_of_same_content=True) for name in names]:
            async with own_copy(session, record, console) as (_, content):
                shutil.copyfileobj(content, sys.stdout.buffer, CHUNK_SIZE)
        sys.stdout.buffer.flush()

    use_store(context, use)


def list_files(
    context: typer.Context,
    long: Annotated[bool, typer.Option("--long", "-l", help="With id, size, time and state.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were deleted, instead.")] = False,
    as_json: Json = False,
) -> None:
    """List the files of the store by name.

    States: here (uploaded, and on this device), remote (uploaded), waiting (to be uploaded from here),
    elsewhere (another device has yet to upload it), error, deleted.

    Example: filesync ls --long
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        await freshen(session, console)
        found = entries(session, deleted_files(session) if deleted else live_files(session))
        value = [entry.members() for entry in found]
        if long:
            console.table(value, COLUMNS, [entry.cells() for entry in found])
        else:
            console.result(value, *(shown(name_of(entry.record)) for entry in found))

    use_store(context, use)


def remove(
    context: typer.Context,
    names: FileNames,
    purge: Annotated[bool, typer.Option("--purge", help="Keep nothing of them.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Delete files, for all devices of the store; 'filesync restore' brings them back for a while.

    Example: filesync rm notes.txt
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> list[dict[str, str]]:
        await freshen(session, console)
        records = {record.id: record for record in [find(session, name) for name in names]}
        for record in records.values():
            await session.files.delete_file(record.id, purge=purge)
            console.step(f"deleted\t{record.id}\t{name_of(record)}")
        await tell_server(session, console, no_wait=no_wait)
        return [{"id": record.id, "name": name_of(record)} for record in records.values()]

    console.result(use_store(context, use))


def rename(
    context: typer.Context,
    name: FileName,
    new_name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Give a file another name; it keeps its id and its content, and no bytes move.

    Example: filesync mv notes.txt "2026/notes.txt"
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> dict[str, str]:
        await freshen(session, console)
        record = find(session, name)
        await session.files.rename_file(record.id, new_name)
        console.step(f"renamed\t{record.id}\t{new_name}")
        await tell_server(session, console, no_wait=no_wait)
        return {"id": record.id, "name": new_name}

    console.result(use_store(context, use))


def edit(
    context: typer.Context,
    name: FileName,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file with the new content.")],
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Give a file new content; it keeps its id and its name.

    Example: filesync edit notes.txt draft.txt
    """
    console = Console(as_json=as_json)
    existing([path])

    async def use(session: Session) -> dict[str, str]:
        offline = await offline_reason(session)
        record = find(session, name)
        edited = await session.files.update_file(record.id, path, name=name_of(record))
        console.step(f"edited\t{record.id}\t{name_of(record)}")
        if not no_wait:
            if offline is not None:
                console.note("the change is saved on this device, and 'filesync sync' uploads it")
                raise offline
            await until_uploaded(session, [edited.file_id], console)
        return {"id": edited.file_id, "name": name_of(record), "content_hash": edited.content_hash}

    console.result(use_store(context, use))


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(put)
    app.command()(get)
    app.command()(cat)
    app.command("ls")(list_files)
    app.command("rm")(remove)
    app.command("mv")(rename)
    app.command()(edit)
