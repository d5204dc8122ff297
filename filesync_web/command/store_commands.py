"""The commands about the whole store: `status`, `sync`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from filesync_web.command.cli import Json, use_store
from filesync_web.command.console import Console
from filesync_web.command.failures import IncompleteError
from filesync_web.command.listing import entries, live_files, name_of
from filesync_web.command.probes import why_offline
from filesync_web.command.progress import shown_progress
from filesync_web.command.session import KIT, OFFLINE_ERRORS, Session
from filesync_web.core.display import FileSyncEvent, get_file_metadata
from filesync_web.core.shown_size import shown_size
from filesync_web.errors import SyncAuthError

_OF_LIVE_FILES = (
    'SELECT count(*) FROM "files" JOIN "localFileState" ON "localFileState"."fileId" = "files"."id" '
    'WHERE "files"."deletedAt" IS NULL AND '
)
_TO_UPLOAD = (
    _OF_LIVE_FILES + """ "remoteKey" = '' AND "localHash" = "contentHash" AND "uploadStatus" <> 'error'"""
)
_TO_DOWNLOAD = (
    _OF_LIVE_FILES + """ "remoteKey" <> '' AND "localHash" <> "contentHash" AND "downloadStatus" <> 'error'"""
)
DELETE_TIMEOUT = 15.0
"""Seconds that `sync` waits for the bytes of deleted files to go from the object store."""


def status(context: typer.Context, as_json: Json = False) -> None:
    """Say what is synced, what waits, what has failed, and whether the server can be reached.

    Example: filesync status
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        offline = await why_offline(session.settings)
        if offline is None:
            await session.connect()
        found = entries(session, live_files(session))
        by_state = {
            state: [entry for entry in found if entry.state == state]
            for state in ("here", "remote", "waiting", "elsewhere", "error")
        }
        size = sum(get_file_metadata(entry.record).size_bytes or 0 for entry in found)
        value: dict[str, Any] = {
            "url": session.settings.url,
            "store": session.settings.store,
            "data_dir": str(session.settings.data_dir),
            "online": offline is None,
            "reason": None if offline is None else str(offline),
            "files": len(found),
            "bytes": size,
            "unconfirmed": session.store.sync_status.pending,
            "leads": session.store.leader,
            **{state: len(those) for state, those in by_state.items()},
            "errors": [
                {"id": entry.record.id, "name": name_of(entry.record), "error": entry.error}
                for entry in by_state["error"]
            ],
        }
        console.result(value, *_status_lines(value, size))

    use_store(context, use)


def _status_lines(value: dict[str, Any], size: int) -> Iterator[str]:
    yield f"store      {value['store']} at {value['url']}"
    yield f"server     {'answers' if value['online'] else value['reason']}"
    yield f"files      {value['files']}, {shown_size(size)}"
    yield f"here       {value['here']}, only remote {value['remote']}, on other devices {value['elsewhere']}"
    yield f"waiting    {value['waiting']} to upload, {value['unconfirmed']} changes to send"
    yield f"data       {value['data_dir']}{'' if value['leads'] else ' (another process syncs it)'}"
    for error in value["errors"]:
        yield f"error      {error['name']} ({error['id']}): {error['error']}"


def sync(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C, and sync every change.")
    ] = False,
    all_files: Annotated[
        bool, typer.Option("--all", help="Bring the bytes of all files to this device as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Upload what waits on this device, and learn what is new.

    Other commands may run beside a watching one: it transfers for them.

    Example: filesync sync --watch --all
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        await session.files.retry_errors()
        if watch:
            await _watch(session, console)
        else:
            await session.connect()
            await _sync_once(session, console, all_files=all_files)

    use_store(context, use, downloads="eager" if all_files else "on_demand")


async def _sync_once(session: Session, console: Console, *, all_files: bool) -> None:
    waits = [_TO_UPLOAD, _TO_DOWNLOAD] if all_files else [_TO_UPLOAD]

    def is_done() -> bool:
        return not any(session.store.query(sql)[0][0] for sql in waits) and session.is_confirmed

    if all_files and not session.store.leader:  # whoever leads may leave files where they are
        for entry in entries(session, session.tables.all_live()):
            if entry.state == "remote":
                await session.files.prioritize_download(entry.record.id)
    with shown_progress(console, session.files, "syncing", _sizes(session, all_files=all_files)):
        await session.until(is_done)
    try:
        async with asyncio.timeout(DELETE_TIMEOUT):
            await session.until(lambda: _has_deleted(session))
    except TimeoutError:
        console.note(
            "the bytes of some deleted files are still in the object store; the next sync tries again"
        )
    found = entries(session, live_files(session))
    failed = [entry for entry in found if entry.error]
    value = {"files": len(found), "errors": [entry.members() for entry in failed]}
    console.result(value, f"synced: {len(found)} files")
    if failed:
        raise IncompleteError(f"{len(failed)} files could not be transferred: {failed[0].error}")


def _has_deleted(session: Session) -> bool:
    """Whether nothing is left to be deleted in the object store but what is kept for a while."""
    contents = {delete.content_hash for delete in session.store.query(KIT.tables.remote_deletes)}
    return all(session.tables.users_of(content_hash) for content_hash in contents)


def _sizes(session: Session, *, all_files: bool) -> dict[str, int]:
    wanted = {"waiting", "remote"} if all_files else {"waiting"}
    return {
        entry.record.id: get_file_metadata(entry.record).size_bytes or 0
        for entry in entries(session, session.tables.all_live())
        if entry.state in wanted
    }


async def _watch(session: Session, console: Console) -> None:
    """Sync until somebody ends it."""
    await check_server(session, console)

    def show(event: FileSyncEvent) -> None:
        if event.type in {"upload:complete", "download:complete", "upload:error", "download:error"}:
            record = session.tables.record(event.file_id or "")
            name = name_of(record) if record is not None else str(event.file_id)
            value = {"event": event.type, "id": event.file_id, "name": name, "error": event.error}
            console.event(value, f"{event.type.replace(':', ' ')}: {name} {event.error or ''}".rstrip())
        elif event.type in {"online", "offline"}:
            console.event({"event": event.type}, event.type)

    unsubscribe = session.files.on_event(show)
    try:
        with ended_by_signals() as ended:
            await ended.wait()
    finally:
        unsubscribe()


async def check_server(session: Session, console: Console) -> None:
    """For who goes on until somebody ends it: say that a server is away, and raise when one refuses."""
    reason = await why_offline(session.settings)
    if isinstance(reason, OFFLINE_ERRORS) and not isinstance(reason, SyncAuthError):
        console.note(f"offline for now, and going on: {reason}")
    elif reason is not None:
        raise reason


@contextmanager
def ended_by_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set: for who watches, they are a good end."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(status)
    app.command()(sync)
