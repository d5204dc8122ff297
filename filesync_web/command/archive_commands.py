"""`filesync export` and `import`: a whole store, as a folder or a tar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from filesync_web.aio.threads import to_thread
from filesync_web.command.archive import CONTENTS, INDEX, index_of, reading, writing
from filesync_web.command.cli import Json, NoWait, existing, freshen, use_store
from filesync_web.command.console import Console
from filesync_web.command.failures import IncompleteError
from filesync_web.command.getting import own_copy
from filesync_web.command.listing import live_files, name_of
from filesync_web.command.putting import until_uploaded
from filesync_web.command.session import Session
from filesync_web.core.records import FileRecord
from filesync_web.errors import BlobNotFoundError, InvalidArgumentError, UnknownFileError


def export_store(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="DIR|FILE.tar", help="Where it is written to.")],
    as_json: Json = False,
) -> None:
    """Write all files of the store, with their records, into a folder or a tar.

    An export into a folder that was broken off goes on where it was.

    Example: filesync export backup.tar
    """
    console = Console(as_json=as_json)
    if target.suffix == ".tar" and target.exists():
        raise InvalidArgumentError(f"{target} exists: give another name")

    async def use(session: Session) -> dict[str, Any]:
        await freshen(session, console)
        exported: list[FileRecord] = []
        missing: list[str] = []
        contents: set[str] = set()
        with writing(target) as archive:
            for record in filter(lambda record: record.is_usable, live_files(session)):
                try:
                    async with own_copy(session, record, console) as (found, content):
                        if found.content_hash not in contents:
                            await to_thread(archive.copy, f"{CONTENTS}/{found.content_hash}", content)
                except BlobNotFoundError as error:
                    console.note(str(error))
                    missing.append(name_of(record))
                except UnknownFileError:
                    pass  # it was deleted meanwhile
                else:
                    contents.add(found.content_hash)
                    exported.append(found)
            archive.write(INDEX, index_of(session.settings.store, exported))
        return {"files": len(exported), "contents": len(contents), "missing": missing, "path": str(target)}

    value = use_store(context, use)
    console.result(value, f"exported {value['files']} files to {target}")
    if value["missing"]:
        raise IncompleteError(
            f"{len(value['missing'])} files are not in the export: nobody has uploaded them yet"
        )


def import_store(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE.tar", help="What was exported.")],
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Save all files of an export into the store; what it has already, by name and content, is left as it is.

    The files get new ids. Every content is checked against its hash before it is saved.

    Example: filesync --store copy import backup.tar
    """
    console = Console(as_json=as_json)
    existing([source])

    async def use(session: Session) -> dict[str, Any]:
        await freshen(session, console)
        known = {(name_of(record), record.content_hash): record.id for record in live_files(session)}
        saved = 0
        with reading(source) as archive:
            for file in archive.files():
                if (file.name, file.content_hash) in known:
                    continue
                with archive.content(file.content_hash) as content:
                    result = await session.files.save_file(content, name=file.name, metadata=file.metadata)
                known[file.name, file.content_hash] = result.file_id
                saved += 1
                console.step(f"saved\t{result.file_id}\t{file.name}")
        if not no_wait:
            await session.connect()
            await until_uploaded(session, known.values(), console)
        return {"saved": saved, "files": len(known)}

    value = use_store(context, use)
    console.result(value, f"imported {value['saved']} files")


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("export")(export_store)
    app.command("import")(import_store)
