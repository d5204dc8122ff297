"""Whether the object store still has what is uploaded: asked when the sync backend has lost something.

Backend and object store often live on one machine, and what empties one empties the other: a lost volume, an
old backup, another folder. The log is whole again as soon as the clients have offered what it lacks, and it
says that files are uploaded. Without asking, nobody would notice that they are not until somebody downloads.
"""

from __future__ import annotations

import asyncio
import logging

from filesync_web.core.records import FileRecord
from filesync_web.errors import TransferError
from filesync_web.files.workspace import Workspace
from filesync_web.transfers.online import OnlineMonitor

logger = logging.getLogger(__name__)


class ObjectCheck:
    """Asks after each reset of the backend, as soon as the signer can be reached."""

    def __init__(self, workspace: Workspace, monitor: OnlineMonitor) -> None:
        self._workspace = workspace
        self._monitor = monitor
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """The store has changed, or the connection has."""
        self._wake.set()

    async def run(self) -> None:
        """Ask whenever there is a reason, until cancelled."""
        store = self._workspace.store
        checked = store.epoch
        while True:
            self._wake.clear()
            epoch = store.epoch
            if epoch != checked and self._monitor.may_transfer and await self._check_all():
                checked = epoch
            await self._wake.wait()

    async def _check_all(self) -> bool:
        """Withdraw the keys of lost objects whose bytes are here, so that they are uploaded again; whether
        all could be asked for."""
        try:
            for record in self._workspace.tables.all_live():
                if record.is_uploaded:
                    await self._check(record)
        except TransferError as error:
            logger.info("not all objects could be asked for, it is tried again: %s", error)
            return False
        return True

    async def _check(self, record: FileRecord) -> None:
        workspace = self._workspace
        size = await workspace.platform.blobs.size(record.content_hash)
        if size is None or await workspace.remote.has(record.remote_key, size, record.content_hash):
            return
        logger.warning("the object store has lost file %s; it is uploaded again from here", record.id)
        await workspace.store.commit(workspace.events.remote_key_changed(record, ""))
