"""Asks the parts of one file sync what they know, for a report. Works in every tab and process.

Nothing is kept here and nothing is changed: who has something to tell has a `describe`, and the tables are
read as they are.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import first_of
from filesync_web.core.foreign import is_file_id
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.storage_status import StorageStatus
from filesync_web.core.text import is_text
from filesync_web.core.versions import History, StoredVersion, file_and_content
from filesync_web.errors import InvalidArgumentError, UnknownFileError
from filesync_web.files.events import file_id_of
from filesync_web.files.sync_counts import get_sync_counts
from filesync_web.files.workspace import Workspace
from filesync_web.inspector.report import Report, make_report, moment
from filesync_web.options import FileSyncOptions
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.leader import Leader
from filesync_web.version import VERSION

PART_TIMEOUT = 10.0
"""Seconds that one part may take: a worker that hangs may be what the report is about."""
MAX_ROWS = 50
"""Transfers of each kind that are told one by one."""
MAX_FILES = 20
"""Files whose history is told, where none were asked for."""

_WITH_STATUS = """
    SELECT "fileId", "uploadStatus", "downloadStatus", "lastSyncError" FROM "localFileState"
    WHERE ? IN ("uploadStatus", "downloadStatus") LIMIT ?
"""
_NAMED = """
    SELECT "id" FROM "files" WHERE "id" = ?
    OR "id" IN (SELECT "fileId" FROM "fileVersions" WHERE "contentHash" = ?)
    OR instr(
        lower(CASE WHEN json_valid("metadataJson") THEN json_extract("metadataJson", '$.custom.name') END),
        lower(?)
    ) > 0
    ORDER BY "createdAt" DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a file sync that are asked."""

    workspace: Workspace
    options: FileSyncOptions
    leader: Leader
    relay: EventRelay
    storage_status: Callable[[], Awaitable[StorageStatus]]


async def report_of(parts: Parts, files: Iterable[str] | None, *, names: bool, quick: bool) -> Report:
    """The report as of now; see `FileSync.debug_report`."""
    asking = _Asking(parts, names=names)
    chosen = None if files is None else asking.named([files] if isinstance(files, str) else files)
    asked: dict[str, Callable[[], Awaitable[Any]]] = {}
    if not quick:
        asked["storage"] = asking.storage  # it may ask the signer, of which more is known then
        if parts.workspace.platform.describe is not None:
            asked["place"] = parts.workspace.platform.describe
    asked |= {
        "kit": asking.kit,
        "store": asking.store,
        "transfers": asking.transfers,
        "remote": asking.remote,
        "events": asking.events,
        "files": lambda: asking.files(chosen),
    }
    told = {name: await _answer(parts.workspace, ask) for name, ask in asked.items()}
    if "service_worker" in (place := told.get("place", {})):
        told["service_worker"] = place.pop("service_worker")
    tokens = parts.workspace.store.tokens() | parts.workspace.remote.tokens()
    return make_report(told, at=parts.workspace.platform.clock.time(), tokens=tokens)


async def _answer(workspace: Workspace, ask: Callable[[], Awaitable[Any]]) -> Any:
    """What a part tells, or why it cannot."""

    async def asking() -> Any:
        try:
            return await ask()
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}

    tasks = Tasks("a debug report")
    answer = tasks.spawn(asking(), "asking a part")
    try:
        await first_of(asyncio.wait([answer]), workspace.platform.clock.sleep(PART_TIMEOUT))
        return answer.result() if answer.done() else {"error": f"no answer within {PART_TIMEOUT:g} s"}
    finally:
        tasks.cancel()  # and no waiting for it: a job of a worker that hangs never ends


class _Asking:
    """The questions, each to be answered by itself."""

    def __init__(self, parts: Parts, *, names: bool) -> None:
        self._parts = parts
        self._workspace = parts.workspace
        self._tables = parts.workspace.tables
        self._store = parts.workspace.store
        self._names = names

    async def kit(self) -> Report:
        python = sys.version.partition(" ")[0]
        versions = {"version": VERSION, "python": python, "sqlite": sqlite3.sqlite_version}
        return {**versions, "platform": sys.platform, "options": _chosen(self._parts.options)}

    async def store(self) -> Report:
        return self._store.describe()

    async def remote(self) -> Report:
        return {"exists": self._workspace.remote.exists, **self._workspace.remote.describe()}

    async def events(self) -> list[Report]:
        told = self._parts.relay.recent.describe()
        names = self._names_of(event["file_id"] for event in told)
        return [
            {**event, "at": moment(event["at"] * 1000), **names.get(event["file_id"], {})} for event in told
        ]

    async def storage(self) -> Report:
        return asdict(await self._parts.storage_status())

    async def transfers(self) -> Report:
        """How many there are in each state, and the first of those that run, wait or failed."""
        counts = asdict(get_sync_counts(self._store))
        by_status = {"running": "inProgress", "waiting": "queued", "failed": "error"}
        rows = {name: self._rows(status) for name, status in by_status.items()}
        [(outbox,)] = self._store.query('SELECT count(*) FROM "remoteDeletes"')
        return {**self._parts.leader.describe(), "counts": counts, **rows, "outbox": outbox}

    def _rows(self, status: str) -> list[Report]:
        found = self._store.query(_WITH_STATUS, (status, MAX_ROWS))
        names = self._names_of(file_and_content(some_id)[0] for some_id, *_ in found)
        return [
            self._row(some_id, "upload" if upload == status else "download", error, names)
            for some_id, upload, _download, error in found
        ]

    def _row(self, some_id: str, kind: str, error: str, names: Mapping[str | None, Report]) -> Report:
        file_id, content = file_and_content(some_id)
        moved = None if content else self._parts.relay.recent.progress(file_id)
        return {
            "file_id": file_id,
            **({"content_hash": content} if content else {}),
            **names.get(file_id, {}),
            "kind": kind,
            **({"loaded": moved[0], "total": moved[1]} if moved else {}),
            "error": error,
            "retry": self._parts.leader.describe_retry(some_id),
        }

    def _names_of(self, file_ids: Iterable[str | None]) -> dict[str | None, Report]:
        """The names of these files, where names are wanted."""
        records = self._tables.records(sorted(set(filter(None, file_ids)))) if self._names else []
        return {record.id: {"name": parse_metadata(record.metadata_json).name} for record in records}

    # --- the history of files

    def named(self, texts: Iterable[str]) -> list[str]:
        """The files that are named by their id, the hash of a content that they have or had or what ends in
        it (a path, a remote key), or a part of their name. Raises `UnknownFileError` for what names none."""
        found: dict[str, None] = {}
        for text in texts:
            if not isinstance(text, str) or not is_text(text):
                raise InvalidArgumentError(f"the id, hash or name of a file is a text, not {text!r:.100}")
            rows = self._store.query(_NAMED, (text, text.rpartition("/")[2], text, MAX_FILES))
            ids = [file_id for (file_id,) in rows if is_file_id(file_id)]
            if not ids:
                raise UnknownFileError(f"no file has or had the id, the hash or the name {text!r:.200}")
            found.update(dict.fromkeys(ids))
        return list(found)

    async def files(self, chosen: Sequence[str] | None) -> list[Report]:
        """The files that were asked for; else those that wait or failed, and the newest."""
        unconfirmed = [(file_id_of(args), name) for name, args in self._store.unconfirmed()]
        file_ids = list(self._noteworthy() if chosen is None else chosen)
        found = {history.record.id: history for history in self._tables.histories(file_ids)}
        return [await self._file(found[id_], unconfirmed) for id_ in file_ids if id_ in found]

    def _noteworthy(self) -> list[str]:
        rows = [row for status in ("error", "inProgress", "queued") for row in self._rows(status)]
        newest = [record.id for record in self._tables.newest_live(MAX_FILES)]
        waiting = [row["file_id"] for row in rows][: MAX_FILES // 2]
        return list(dict.fromkeys(waiting + newest))[:MAX_FILES]

    async def _file(self, history: History, unconfirmed: Sequence[tuple[str | None, str]]) -> Report:
        record, metadata = history.record, parse_metadata(history.record.metadata_json)
        row, control = self._tables.row(record.id), self._tables.control(record.id)
        size = await self._workspace.platform.blobs.size(record.content_hash) if record.is_usable else None
        return {
            "id": record.id,
            **({"name": metadata.name} if self._names else {}),
            "mime_type": metadata.mime_type,
            "size_bytes": metadata.size_bytes,
            "content_hash": record.content_hash,
            "remote_key": record.remote_key,
            **{
                f"{name}_at": moment(getattr(record, f"{name}_at"))
                for name in ("created", "updated", "deleted")
            },
            "bytes_here": size,
            "upload": row and row.upload_status,
            "download": row and row.download_status,
            "error": row.last_sync_error if row else "",
            "retry": self._parts.leader.describe_retry(record.id),
            "control": control.state,
            "pinned": control.pinned,
            "evicted": control.evicted,
            "unconfirmed_events": [name for file_id, name in unconfirmed if file_id == record.id],
            "versions": [self._version(version, history) for version in history.versions],
        }

    def _version(self, version: StoredVersion, history: History) -> Report:
        """Who gave the file that content, and when; of the last one the record knows the remote key."""
        is_last = version is history.versions[-1]
        return {
            "number": version.number,
            "content_hash": version.content_hash,
            "made_at": moment(version.made_at),
            "by": version.client_id,
            "by_this_device": version.client_id == self._store.client_id,
            "remote_key": history.record.remote_key if is_last else version.remote_key,
            "ended_at": moment(version.ended_at),
            "conflict": version.conflict,
            "is_purged": version.is_purged,
        }


def _chosen(options: FileSyncOptions) -> Report:
    """What the app has chosen; of its functions only for what they are."""
    told = {field.name: getattr(options, field.name) for field in fields(options)}
    thumbnails = None if options.thumbnails is None else asdict(options.thumbnails)
    values = {"retry": asdict(options.retry), "thumbnails": thumbnails}
    return {**told, **values, "preprocessors": sorted(options.preprocessors)}
