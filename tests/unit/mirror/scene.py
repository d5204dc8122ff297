"""Folders of one device that are mirrored with one store, without a server."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import filesync_web as fs
from filesync_web.core.records import FileRecord
from filesync_web.mirror.decisions.names import store_files
from filesync_web.mirror.folder import Folder
from filesync_web.mirror.knowledge import Knowledge, knowledge_file
from filesync_web.mirror.mirror import Mirror
from filesync_web.mirror.report import Report

FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


def sha(content: bytes) -> str:
    """The hash by which a content is known."""
    return hashlib.sha256(content).hexdigest()


class MirroredFolder:
    """A folder with its mirror, which forgets nothing but by `restart`."""

    def __init__(self, device: Device, root: Path, **options: Any) -> None:
        self.root = root
        self.device = device
        self.options = options
        root.mkdir(exist_ok=True)
        self.mirror = self._open()

    def _open(self) -> Mirror:
        self.knowledge = Knowledge(knowledge_file(self.device.data, self.root))
        device = self.device
        return Mirror(
            device.store, device.sync, Folder(self.root, settle_ns=0), self.knowledge, **self.options
        )

    def restart(self, **options: Any) -> None:
        """Open the mirror anew, with what it has kept."""
        self.knowledge.close()
        self.options |= options
        self.mirror = self._open()

    def write(self, path: str, content: bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def tree(self) -> dict[str, bytes]:
        files = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    async def settle(self) -> Report:
        """Look until nothing is left to do."""
        report = Report()
        for _ in range(30):
            report.add(looked := await self.mirror.look())
            if not looked.done:
                return report
        raise AssertionError(f"no rest: {report}")


class Device:
    """One store on this device."""

    def __init__(self, data: Path, store: fs.Store, sync: Any) -> None:
        self.data = data
        self.store = store
        self.sync = sync

    def live(self) -> list[FileRecord]:
        return self.store.query(FILES.tables.files.where(deleted_at=None))

    def hashes(self) -> dict[str, str]:
        """The content of each live file by its path."""
        return {file.path: file.content for file in store_files(self.live()).values()}

    def id_of(self, path: str) -> str:
        return next(file.file_id for file in store_files(self.live()).values() if file.path == path)


@asynccontextmanager
async def new_device(data: Path) -> AsyncIterator[Device]:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=data)
    sync = await fs.create_file_sync(store, remote=None)
    try:
        yield Device(data, store, sync)
    finally:
        await sync.dispose()
        await store.close()
