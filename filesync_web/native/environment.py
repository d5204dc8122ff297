"""Puts the adapters for CPython together: a folder with the event log, the files and the locks."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from filesync_web.aio.clocks import SystemClock
from filesync_web.errors import InvalidArgumentError
from filesync_web.livestore.http_transport import http_transport
from filesync_web.livestore.ports import StorePorts
from filesync_web.livestore.schema import Schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.connectivity import AlwaysConnected
from filesync_web.native.description import describe_process
from filesync_web.native.event_log import SqliteEventLog
from filesync_web.native.http import HttpxHttp
from filesync_web.native.locks import FileLocks
from filesync_web.native.store_folder import StoreFolder
from filesync_web.native.tabs import FileLeaderLock, ProcessChannel
from filesync_web.native.web_socket import open_native_socket
from filesync_web.ports import Platform, ThumbnailStore


class NativeEnvironment:
    """The `Environment` of a CPython process; everything is kept below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def open_store(self, schema: Schema, store_id: str, sync: SyncOptions | None) -> Store:
        """Open the store that all processes with this folder share."""
        folder = StoreFolder(self._root, store_id)
        await folder.prepare()
        clock = SystemClock()
        is_over_http = sync is not None and sync.transport == "http"
        ports = StorePorts(
            log=SqliteEventLog(folder.log),
            channel=ProcessChannel(folder.sockets),
            lock=FileLeaderLock(folder.leader_lock),
            clock=clock,
            open_socket=http_transport(store_id, HttpxHttp, clock) if is_over_http else open_native_socket,
        )
        return await Store.open(schema=schema, store_id=store_id, ports=ports, sync=sync)

    def platform(self, store_id: str, *, include_credentials: bool) -> Platform:
        """What a `FileSync` of that store needs."""
        del include_credentials  # a process has no cookies
        http = HttpxHttp()
        blobs = DirectoryBlobStore(self._root, store_id, http)
        return Platform(
            blobs=blobs,
            http=http,
            connectivity=AlwaysConnected(),
            locks=FileLocks(StoreFolder(self._root, store_id).path),
            clock=SystemClock(),
            thumbnails=_thumbnails(self._root, store_id),
            path_of=blobs.path_of,
            describe=describe_process,
        )

    def absolute_url(self, url: str) -> str:
        """The URL itself: a process has no page that it could be relative to."""
        if not urlsplit(url).netloc:
            raise InvalidArgumentError(
                f"{url!r} is relative: outside a browser, give the whole URL with its host"
            )
        return url


def _thumbnails(root: Path, store_id: str) -> ThumbnailStore | None:
    """Thumbnails, where Pillow is installed."""
    if find_spec("PIL") is None:
        return None
    from filesync_web.native.thumbnails import DirectoryThumbnails

    return DirectoryThumbnails(root, store_id)
