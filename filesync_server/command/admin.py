"""`filesync-server admin`: list, export, import and compact event logs, in SQLite and in PostgreSQL; back up
and verify them and the objects of the data directory.

It finds them by the same settings as the server, which may run or not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..objects.embedded.directory import BlobDirectory
from ..sync.archive import ArchiveError, export_lines, lines_of, read_archive
from ..sync.storage import STORE_ID, AdminStorage, StorageError, new_backend_id
from .app import open_sync_storage
from .backup import BROKEN, Problem, back_up, verify_logs
from .config import OBJECTS_FOLDER, SYNC_FILE, ConfigError, Settings, add_flags, settings_from


class DamagedError(OSError):
    """Some objects do not have the bytes that they had, or some logs not their events."""


def main(arguments: Sequence[str], environment: Mapping[str, str], source: BinaryIO, target: BinaryIO) -> int:
    """Run one command; `source` is what is imported, `target` gets what is listed or exported.

    Returns 0, 1 when it failed (the reason is on standard error), 2 for bad settings.
    """
    parsed = _parser().parse_args(arguments)
    try:
        settings = settings_from(parsed, environment)
        asyncio.run(_run(parsed, settings, source, target))
        target.flush()
    except ConfigError as error:
        return _failed(error, 2)
    except (OSError, ArchiveError) as error:
        return _failed(error, 1)
    return 0


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"filesync-server admin: {error}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="filesync-server admin", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_flags(command, ["data"])
        return command

    add("list", "One line a store, with tabs between: id, events, head, created, backend id.")
    add("export", "Write a store's event log to standard output.").add_argument("store", help="its id")
    restore = add("import", "Make a store of an exported event log from standard input, all or nothing.")
    restore.add_argument("--store", help="id of the store (default: the exported one)")
    restore.add_argument("--replace", action="store_true", help="drop the events that the store has")
    restore.add_argument(
        "--keep-backend-id",
        action="store_true",
        help="clients do not notice: only for a whole log that moves here, with its last event",
    )
    add("verify", "Read all objects and logs; a line for each that is not whole: what is wrong, key or id.")
    backup = add("backup", "Copy event logs and objects to a directory that a server can serve.")
    backup.add_argument("target", type=Path, help="a new directory")
    add("compact", "Give back disk space that is no longer used. Drops no event.")
    return parser


async def _verify(settings: Settings, target: BinaryIO) -> None:
    root = settings.data / OBJECTS_FOLDER
    has_logs = settings.sync_database is not None or (settings.data / SYNC_FILE).exists()
    is_embedded = settings.storage == "embedded"
    if not is_embedded and not has_logs:
        raise ConfigError(f"the objects are not in the data directory: storage = {settings.storage}")
    if is_embedded and not root.is_dir():
        raise FileNotFoundError(f"there are no objects: {root} does not exist")
    if has_logs:
        storage = open_sync_storage(settings)
        try:
            _tell(await verify_logs(storage), target)
        finally:
            await storage.close()
    if is_embedded:
        directory = BlobDirectory(root)
        try:
            _tell(directory.verify(), target)
        finally:
            directory.close()


def _tell(problems: Iterable[Problem], target: BinaryIO) -> None:
    """A line for each problem. Raises DamagedError when there is one."""
    count, what = 0, ""
    for what, name in problems:
        count += 1
        target.write(f"{what}\t{name}\n".encode())
        target.flush()
    if what == BROKEN:
        raise DamagedError(f"{count} event logs are not whole: make them anew of a backup")
    if count:
        raise DamagedError(
            f"{count} objects are not intact. Clients that have the bytes will upload them again"
        )


async def _run(parsed: argparse.Namespace, settings: Settings, source: BinaryIO, target: BinaryIO) -> None:
    if parsed.command == "verify":
        await _verify(settings, target)
        return
    file = settings.data / SYNC_FILE
    if settings.sync_database is None and parsed.command != "import" and not file.exists():
        raise StorageError(f"there are no event logs: {file} does not exist")
    storage = open_sync_storage(settings)
    try:
        match parsed.command:
            case "list":
                await _list(storage, target)
            case "export":
                await _export(storage, parsed.store, target)
            case "import":
                await _import(storage, parsed, source)
            case "compact":
                await storage.compact()
            case "backup":
                _tell(await back_up(storage, settings.data, parsed.target), target)
    finally:
        await storage.close()


async def _list(storage: AdminStorage, target: BinaryIO) -> None:
    for log in (await storage.logs()).values():
        fields = (log.store_id, log.length, log.head, log.created_at, log.backend_id)
        target.write("\t".join(map(str, fields)).encode() + b"\n")


async def _export(storage: AdminStorage, store_id: str, target: BinaryIO) -> None:
    log = (await storage.logs([store_id])).get(store_id) if STORE_ID.fullmatch(store_id) else None
    if log is None:
        raise StorageError(f"there is no store {store_id!r}; 'list' tells which there are")
    async for line in export_lines(storage, log):
        target.write(line)


async def _import(storage: AdminStorage, parsed: argparse.Namespace, source: BinaryIO) -> None:
    log, events = read_archive(lines_of(source))
    if parsed.store is not None:
        if not STORE_ID.fullmatch(parsed.store):
            raise ArchiveError("the id of a store has 1 to 255 characters, none of them a control character")
        log = replace(log, store_id=parsed.store)
    if not parsed.keep_backend_id:
        log = replace(log, backend_id=new_backend_id())
    try:
        await storage.restore(log, events, replace=parsed.replace)
    except FileExistsError as error:
        raise FileExistsError(f"{error}; --replace drops them") from error
