"""`filesync mirror`: a folder that is kept in step with the store, both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from filesync_web.aio.listeners import changes
from filesync_web.aio.waiting import first_of
from filesync_web.command.cli import Json, offline_reason, use_store
from filesync_web.command.console import Console
from filesync_web.command.failures import IncompleteError
from filesync_web.command.putting import until_uploaded
from filesync_web.command.session import KIT, Session
from filesync_web.command.store_commands import check_server, ended_by_signals
from filesync_web.core.display import FileSyncEvent
from filesync_web.errors import InvalidArgumentError, QuotaExceededError
from filesync_web.mirror.decisions.limit import DEFAULT_LIMIT, delete_limit
from filesync_web.mirror.folder import Folder
from filesync_web.mirror.knowledge import Knowledge, knowledge_file
from filesync_web.mirror.mirror import Mirror
from filesync_web.mirror.report import Report
from filesync_web.native.store_folder import StoreFolder
from filesync_web.ports import Unsubscribe

RETRIES = 10
"""Looks at what is just being written here, or uploaded elsewhere, before it is left for the next run."""
PAUSE = 0.3
"""Seconds between two of them, and from a change to the look at it."""
AFTER_FAILURE = 30.0
"""Seconds until a watching mirror tries again what has failed, and for which something has to wait before
that is told."""


def mirror(  # noqa: PLR0917 - a flag each
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to keep in step.")],
    once: Annotated[bool, typer.Option("--once", help="End when both sides are in step.")] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Leave alone what this pattern matches, as in a .gitignore; may be repeated."),
    ] = None,
    max_delete: Annotated[
        str | None,
        typer.Option(metavar="N|N%", help="Delete at most so many files on one side [25%, or 10 files]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep a folder in step with the store, both ways: new, changed, renamed and deleted files.

    Goes on until Ctrl-C, unless --once. What has changed on both sides is two files afterwards. What a file
    .filesyncignore at the top of the folder names is left alone.

    Example: filesync mirror --once ~/Pictures
    """
    console = Console(as_json=as_json)
    limit = DEFAULT_LIMIT if max_delete is None else delete_limit(max_delete)
    place = Folder(folder)

    async def use(session: Session) -> None:
        _check_apart(place.root, session.settings.data_dir.resolve())
        known = Knowledge(
            knowledge_file(StoreFolder(session.settings.data_dir, session.settings.store).path, place.root)
        )
        try:
            kept = Mirror(
                session.store,
                session.files,
                place,
                known,
                ignore=ignore or (),
                limit=limit,
                tell=partial(_tell, console, is_watching=not once),
            )
            await (_once(session, kept, console) if once else _watch(session, kept, place, console))
        finally:
            known.close()

    with place.lock():
        place.remove_leftovers()
        use_store(context, use)


def _check_apart(folder: Path, data_dir: Path) -> None:
    if folder == data_dir or folder in data_dir.parents or data_dir in folder.parents:
        raise InvalidArgumentError(
            f"{folder} and the store's own folder {data_dir} are in each other: give another one"
        )


async def _once(session: Session, kept: Mirror, console: Console) -> None:
    offline = await offline_reason(session)
    report = Report()
    retries = 0
    while retries < RETRIES:
        report.add(looked := await kept.look(is_offline=offline is not None))
        if looked.done:
            if offline is None:
                await session.until_confirmed()
            retries = 0
        elif looked.unsettled or (looked.waiting and offline is None):
            retries += 1
            await asyncio.sleep(PAUSE)
        else:
            break
    if offline is None and report.put_ids:
        await session.files.retry_errors()
        await until_uploaded(session, report.put_ids, console)
    _note_all(console, report)
    console.result(report.members(), report.line())
    if offline is not None:
        console.note("the changes are kept on this device, and the next run goes on with them")
        raise offline
    if not report.is_complete:
        raise IncompleteError("not everything is in step; the next run goes on with it")


async def _watch(session: Session, kept: Mirror, place: Folder, console: Console) -> None:
    await check_server(session, console)
    await session.files.retry_errors()
    news = News()
    is_new = True
    with ended_by_signals() as ended:
        async with _changes(session, place, ended) as changed:
            while not ended.is_set():
                changed.clear()
                report = await _look(session, kept, ended)
                if report is None:
                    break
                if is_new and not report.done:
                    console.note(f"watching {place.root}")
                    is_new = False
                for note in news.of(report):
                    console.note(note)
                await _wait(changed, ended, report)


class News:
    """What a watching mirror tells of its looks: each thing once, as long as it lasts.

    Mostly the news of a file come some moments before its bytes do, which the other device is just uploading:
    that something waits is told when it has waited for long.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: set[str] = set()
        self._waiting_since: dict[str, float] = {}

    def of(self, report: Report) -> list[str]:
        """What is new after this look."""
        now = self._monotonic()
        self._waiting_since = {path: self._waiting_since.get(path, now) for path in report.waiting}
        long = {
            path: reason
            for path, reason in report.waiting.items()
            if now - self._waiting_since[path] >= AFTER_FAILURE
        }
        notes = list(_notes(replace(report, waiting=long)))
        new = [note for note in notes if note not in self._told]
        self._told = set(notes)
        return new


async def _look(session: Session, kept: Mirror, ended: asyncio.Event) -> Report | None:
    """One look; a full disk is told, and waited for. None when somebody has ended the mirror meanwhile: then
    the look is broken off, since the rest of it may take long, or wait for a download without a server."""
    looking = kept.look(is_offline=not session.files.is_online())
    first = await first_of(looking, ended.wait())
    try:
        found = first.result()
    except QuotaExceededError as error:
        return Report(failed={"": str(error)})
    return found if isinstance(found, Report) else None


async def _wait(changed: asyncio.Event, ended: asyncio.Event, report: Report) -> None:
    """Wait until there may be something to do: a change, or time for another try."""
    timeout: float | None = None
    if report.failed or report.waiting:
        timeout = AFTER_FAILURE
    if report.unsettled:
        timeout = 2 * PAUSE
    if report.done:
        timeout = 0.0
    waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(ended.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if changed.is_set() and not ended.is_set():
        await asyncio.sleep(PAUSE)  # changes rarely come alone


@asynccontextmanager
async def _changes(session: Session, place: Folder, ended: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever the folder or the store's files change."""
    from watchfiles import awatch

    store = session.store
    of_files = partial(store.subscribe, [KIT.tables.files])

    def of_server(callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
        return session.files.on_event(lambda event: event.type == "online" and callback(event))

    with changes(of_files, of_server, store.on_sync_status, store.on_leader_change) as changed:

        async def watch() -> None:
            try:
                async for _ in awatch(place.root, watch_filter=None, stop_event=ended, debounce=400, step=50):
                    changed.set()
            finally:
                ended.set()  # it cannot be watched any more

        watching = asyncio.ensure_future(watch())
        try:
            yield changed
        finally:
            ended.set()
            await watching


def _tell(console: Console, what: str, path: str, *, is_watching: bool) -> None:
    if is_watching:
        console.event({"event": what, "path": path}, f"{what}\t{path}")
    else:
        console.step(f"{what}\t{path}")


def _notes(report: Report) -> Iterator[str]:
    for path, reason in report.left_out.items():
        yield f"{path} is left out: {reason}"
    for path, reason in {**report.failed, **report.waiting}.items():
        yield f"{path}: {reason}" if path else reason
    for withheld in report.withheld:
        yield withheld.reason


def _note_all(console: Console, report: Report) -> None:
    for note in _notes(report):
        console.note(note)
    for path in sorted(report.unsettled):
        console.note(f"{path} was changing all the time, and is left for the next run")


def add_to(app: typer.Typer) -> None:
    """Give the command line this command."""
    app.command()(mirror)
