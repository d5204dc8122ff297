"""What the platform may upload by itself when no tab is left: a list, kept up to date while this tab leads.

Each upload that waits or runs here is listed with what it takes: key, type, signer and headers. Only small
files are: what goes up in parts needs the engine. Nothing depends on the list: an upload that nobody did is
done by the next tab, and what the platform did is found when its turn comes there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from filesync_web.core.metadata import parse_metadata
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control, Status
from filesync_web.core.versions import file_and_content
from filesync_web.errors import FileSyncError
from filesync_web.files.events import file_id_of
from filesync_web.files.workspace import Workspace
from filesync_web.ports import BackgroundUpload, BackgroundUploader
from filesync_web.remote.object_store import MULTIPART_ABOVE
from filesync_web.remote.signer_client import SignerConfig

logger = logging.getLogger(__name__)

_UNKNOWN = BackgroundUpload("", "")
"""Stands for what an earlier tab has listed."""


class NoBackgroundUploader:
    """The `BackgroundUploader` of a platform that uploads nothing by itself."""

    async def start(self) -> bool:
        """It cannot."""
        return False

    def stop(self) -> None:
        """Nothing was begun."""

    async def file_ids(self) -> set[str]:
        """Nothing is written down."""
        return set()

    async def change(
        self,
        changes: Mapping[str, BackgroundUpload | None],
        signer_url: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        """Nothing is written down."""

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        """It has uploaded nothing."""
        del file_id, remote_key
        return False

    async def clear(self) -> None:
        """Nothing is written down."""


class BackgroundUploads:
    """Lists the uploads of one store for the platform. Without a `signer` the list stays empty."""

    def __init__(self, workspace: Workspace, signer: SignerConfig | None) -> None:
        self._tables = workspace.tables
        self._background: BackgroundUploader = workspace.platform.background or NoBackgroundUploader()
        self._signer = signer
        self._listed: dict[str, BackgroundUpload] = {}
        self._earlier: set[str] | None = None  # the files that earlier tabs have listed, once that is known
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()

    def changed(self, events: Iterable[tuple[str, Any]]) -> None:
        """The store has these events, by wire name and arguments."""
        if self._signer is not None:
            self._dirty |= {file_id for _name, args in events if (file_id := file_id_of(args)) is not None}
            self._wake.set()

    async def run(self) -> None:
        """Keep the list up to date until cancelled."""
        self._earlier = None
        try:
            if self._signer is None:
                await self.clear()
            elif await self._background.start():
                await self._follow(self._signer)
        except FileSyncError:
            logger.warning("uploads will not go on after the last tab is closed", exc_info=True)
        finally:
            self._background.stop()

    async def was_uploaded(self, file_id: str, key: str) -> bool:
        """Whether the platform has uploaded that content of the file since the last tab was closed."""
        if self._signer is None or (self._earlier is not None and file_id not in self._earlier):
            return False
        try:
            return await self._background.was_uploaded(file_id, key)
        except FileSyncError:
            logger.warning("file %s is uploaded, perhaps once more", file_id, exc_info=True)
            return False

    async def clear(self) -> None:
        """Take everything back: the platform is to upload nothing, and to keep no secret."""
        try:
            await self._background.clear()
        except FileSyncError:
            logger.exception("what the service worker was to upload cannot be taken back")

    async def _follow(self, signer: SignerConfig) -> None:
        found = self._earlier = await self._background.file_ids()
        self._listed = dict.fromkeys(found, _UNKNOWN)
        self._dirty |= found | {file_and_content(some_id)[0] for some_id in self._tables.unsent()}
        while True:
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            wanted = self._uploads_of(sorted(dirty))
            changes = {i: wanted.get(i) for i in sorted(dirty) if wanted.get(i) != self._listed.get(i)}
            if changes:
                headers = await _headers(signer) if any(changes.values()) else None
                await self._background.change(changes, signer.base_url, headers)
            for file_id, upload in changes.items():
                self._listed.pop(file_id, None)
                if upload is not None:
                    self._listed[file_id] = upload
            await self._wake.wait()

    def _uploads_of(self, file_ids: list[str]) -> dict[str, BackgroundUpload]:
        """The uploads that these files wait for, as far as the platform can do them."""
        tables, sending = self._tables, (Status.QUEUED, Status.IN_PROGRESS)
        waiting = {row.file_id for row in tables.rows(file_ids) if row.upload_status in sending}
        held = {control.file_id for control in tables.controls(file_ids) if control.state is not Control.NONE}
        uploads = {}
        for record in tables.records(sorted(waiting - held)):
            metadata = parse_metadata(record.metadata_json)
            is_small = metadata.size_bytes is not None and metadata.size_bytes <= MULTIPART_ABOVE
            if record.is_live and not record.is_uploaded and is_small:
                uploads[record.id] = BackgroundUpload(remote_key(record.path), metadata.content_type)
        return uploads


async def _headers(signer: SignerConfig) -> dict[str, str]:
    try:
        return await signer.auth_headers()
    except Exception:
        logger.warning("the function for the signer's token failed: nothing is uploaded later", exc_info=True)
        return {}
