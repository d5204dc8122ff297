"""One look at a folder and a store, and the steps that follow from it; until nothing is left to do."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import groupby

from filesync_web.aio.clocks import SystemClock
from filesync_web.aio.threads import in_thread
from filesync_web.errors import (
    BlobNotFoundError,
    ContentChangedError,
    FileSyncError,
    QuotaExceededError,
    StorageUnavailableError,
    StoreError,
    UnknownFileError,
)
from filesync_web.file_sync import FileSync
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.store import Store
from filesync_web.mirror.decisions.limit import DEFAULT_LIMIT, DeleteLimit, within_limit
from filesync_web.mirror.decisions.names import store_files
from filesync_web.mirror.decisions.plan import plan
from filesync_web.mirror.decisions.steps import Known, PutNew, Step, Update, View, Write
from filesync_web.mirror.folder import Folder, InTheWayError, Scan
from filesync_web.mirror.ignore import Ignored
from filesync_web.mirror.knowledge import Knowledge
from filesync_web.mirror.performer import Performer, finish_removals
from filesync_web.mirror.report import NAMES, Report

logger = logging.getLogger(__name__)

CONCURRENT = (PutNew, Update, Write)
"""Steps that move bytes; the order of those of one kind is of no account."""
MAX_AT_ONCE = 16
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
Tell = Callable[[str, str], None]
"""Is told of each step that was done: what it is called, and the path."""


class Mirror:
    """Keeps one folder in step with one store. Several looks at a time are one too many."""

    def __init__(
        self,
        store: Store,
        files: FileSync,
        folder: Folder,
        knowledge: Knowledge,
        *,
        ignore: Iterable[str] = (),
        limit: DeleteLimit = DEFAULT_LIMIT,
        tell: Tell = lambda _what, _path: None,
    ) -> None:
        self._store = store
        self._files = files
        self._tables = FileSyncTables(store, SystemClock())
        self._folder = folder
        self._knowledge = knowledge
        self._ignore = list(ignore)
        self._limit = limit
        self._tell = tell

    async def look(self, *, is_offline: bool = False) -> Report:
        """Look at both sides, and take the steps that follow. What could not be done is in the report.

        Raises `QuotaExceededError` when a disk is full, `StorageError` and `StoreError` when the store's
        folder fails, `OSError` when the mirrored one cannot be read.
        """
        ignored, scan = await in_thread(self._scan)
        view = self._view(ignored, scan)
        steps, withheld = within_limit(plan(view), view, self._limit)
        report = Report(left_out=dict(scan.left_out), unsettled=set(scan.unsettled), withheld=withheld)
        performer = Performer(
            self._files, self._tables, self._folder, self._knowledge, scan, is_offline=is_offline
        )
        await self._take_all(steps, performer, report)
        report.put_ids = performer.put_ids
        return report

    # --- looking

    def _scan(self) -> tuple[Ignored, Scan]:
        ignored = Ignored(self._ignore, self._folder.root)
        hashes = self._knowledge.hashes()
        try:
            finish_removals(self._folder, self._knowledge)
            scan = self._folder.scan(ignored)
            self._folder.read(scan, hashes)
            homes = {known.path for known in self._knowledge.all()}
            if any(not scan.is_blocked(path) for path in homes - scan.contents.keys()):
                scan.put_off_what_came(self._folder.scan(ignored))
        except OSError as error:
            raise StorageUnavailableError(
                f"{self._folder.root} cannot be read any more, and nothing was deleted: {error}"
            ) from error
        changed = {path: hashed for path, hashed in scan.contents.items() if hashes.get(path) != hashed}
        self._knowledge.keep_hashes(changed, gone=hashes.keys() - scan.contents.keys() - homes)
        return ignored, scan

    def _view(self, ignored: Ignored, scan: Scan) -> View:
        self._knowledge.forget(
            [known.file_id for known in self._knowledge.all() if ignored.matches(known.path)]
        )
        known = self._knowledge.all()
        files = store_files(self._tables.all_live())
        hidden = {file_id for file_id, file in files.items() if ignored.matches(file.path)}
        status = self._store.sync_status
        return View(
            known=known,
            folder={path: hashed.content for path, hashed in scan.contents.items()},
            store={file_id: file for file_id, file in files.items() if file_id not in hidden},
            deleted=hidden | self._deleted([each.file_id for each in known]),
            moving=self._moving(known, scan),
            is_blocked=scan.is_blocked,
            is_confirmed=not self._store.has_backend or (status.caught_up and status.pending == 0),
        )

    def _moving(self, known: list[Known], scan: Scan) -> set[str]:
        """The known files that may be where the folder could not be read: by the inode that they had. Nothing
        tells that of one which this mirror had just written when it died."""
        if not scan.unread:
            return set()
        unread = {None, *scan.unread}
        hashes = self._knowledge.hashes()

        def inode(each: Known) -> int | None:
            hashed = None if each.arriving else hashes.get(each.path)
            return None if hashed is None else hashed.stamp.inode

        return {each.file_id for each in known if inode(each) in unread}

    def _deleted(self, file_ids: list[str]) -> set[str]:
        return {record.id for record in self._tables.records(file_ids) if not record.is_live}

    # --- doing

    async def _take_all(self, steps: Sequence[Step], performer: Performer, report: Report) -> None:
        for kind, group in groupby(steps, type):
            at_once = MAX_AT_ONCE if kind in CONCURRENT else 1
            await _in_turns(group, at_once, lambda step: self._take(step, performer, report))

    async def _take(self, step: Step, performer: Performer, report: Report) -> None:
        """Take one step; what hinders it and no other is noted."""
        path = getattr(step, "path", "")
        try:
            await performer.take(step)
        except (InTheWayError, ContentChangedError, UnknownFileError) as error:
            logger.info("left for the next look: %s", error)
            report.unsettled.add(path)
        except BlobNotFoundError as error:
            report.waiting[path] = str(error)
        except (QuotaExceededError, StorageUnavailableError, StoreError):
            raise
        except (FileSyncError, OSError) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise QuotaExceededError(f"{self._folder.root} has no room for {path!r}: {error}") from error
            report.failed[path] = str(error)
        else:
            name = NAMES.get(type(step))
            report.done[name or "noted"] += 1
            if name is not None:
                self._tell(name, path)


async def _in_turns(steps: Iterable[Step], at_once: int, take: Callable[[Step], Awaitable[None]]) -> None:
    """Take all steps, so many at a time; when one raises, those that run are stopped and no more begun."""
    left = iter(steps)

    async def work() -> None:
        for step in left:
            await take(step)

    workers = [asyncio.ensure_future(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
