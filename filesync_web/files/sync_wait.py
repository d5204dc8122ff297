"""Waiting until the object store and the sync backend have what is here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from filesync_web.aio.listeners import changes
from filesync_web.core.records import Control, Status
from filesync_web.errors import InvalidArgumentError, SyncTimeoutError, TransferError
from filesync_web.files.events import file_id_of
from filesync_web.files.workspace import Workspace


class SyncWait:
    """Waits for the files of one store. `is_online`: whether the signer could be reached."""

    def __init__(self, workspace: Workspace, is_online: Callable[[], bool]) -> None:
        self._store = workspace.store
        self._tables = workspace.tables
        self._needs_upload = workspace.remote.exists
        self._is_online = is_online

    async def wait(
        self, file_ids: Iterable[str] | None, timeout: float | None, *, stop_at_errors: bool
    ) -> None:
        """Return once all of these files, or all there are, are uploaded and confirmed; raises
        `SyncTimeoutError` after `timeout` seconds, `UnknownFileError` for what is no live file now. With
        `stop_at_errors`, raises `TransferError` when what is not uploaded rests at an error."""
        if isinstance(file_ids, str):
            raise InvalidArgumentError(f"file_ids are several ids: [{file_ids!r:.100}]")
        wanted = None if file_ids is None else {self._tables.live(file_id).id for file_id in file_ids}
        try:
            async with asyncio.timeout(timeout):
                of_files = partial(self._store.subscribe, self._tables.watched)
                with changes(of_files, self._store.on_sync_status) as changed:
                    one = ""  # as long as it is known to wait, nobody need look for others at each change
                    while True:
                        changed.clear()
                        if not self._waits(one):
                            unsent = self._unsent(wanted)
                            if not unsent and not self._unconfirmed(wanted):
                                return
                            if stop_at_errors and unsent:
                                self._check_hope(unsent)
                            one = next(filter(self._waits, reversed(unsent)), "")
                        await changed.wait()
        except TimeoutError:
            why = "; ".join(self._hindrances(wanted))
            raise SyncTimeoutError(f"not everything was synced in {timeout:g} seconds: {why}") from None

    def _unsent(self, wanted: set[str] | None) -> list[str]:
        """Those that live and are not uploaded."""
        if not self._needs_upload:
            return []
        waiting = self._tables.not_uploaded()
        return [file_id for file_id in waiting if wanted is None or file_id in wanted]

    def _waits(self, file_id: str) -> bool:
        """Whether it is yet to be uploaded, and has not failed."""
        record, row = self._tables.record(file_id), self._tables.row(file_id)
        if record is None or not record.is_live or record.is_uploaded:
            return False
        return row is None or row.upload_status is not Status.ERROR

    def _check_hope(self, unsent: list[str]) -> None:
        failed = self._tables.failed_uploads()
        if failed.keys() >= set(unsent):
            first = unsent[0]
            raise TransferError(
                f"{len(unsent)} files are not uploaded, file {first} for this reason: {failed[first]}"
            )

    def _unconfirmed(self, wanted: set[str] | None) -> int:
        """How many events of these files only this device has."""
        files = [file_id_of(args) for _name, args in self._store.unconfirmed()]
        return len(files) if wanted is None else sum(file_id in wanted for file_id in files)

    def _hindrances(self, wanted: set[str] | None) -> Iterator[str]:
        if unsent := self._unsent(wanted):
            yield f"{len(unsent)} files are not uploaded"
            if not self._is_online():
                yield "the signer cannot be reached"
            held = [c.file_id for c in self._tables.controls(unsent) if c.state is not Control.NONE]
            if held:
                yield f"{len(held)} of them are paused or cancelled, {held[0]} for one"
            failed = [row for row in self._tables.rows(unsent) if row.last_sync_error]
            if failed:
                yield f"file {failed[0].file_id} has failed: {failed[0].last_sync_error}"
        if unconfirmed := self._unconfirmed(wanted):
            status = self._store.sync_status
            yield f"the sync backend has not confirmed {unconfirmed} events"
            if not status.connected:
                yield status.last_error or "there is no connection to it"
