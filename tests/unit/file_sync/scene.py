"""One device with fakes all around: a store in memory, a held network with a signer and an object store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any
from urllib.parse import unquote

import filesync_web as fs
from filesync_web.core.mounting import Mounted, Tree
from filesync_web.file_sync import FileSync
from filesync_web.livestore.ports import StorePorts
from filesync_web.livestore.store import Store
from filesync_web.ports import BackgroundUploader, Platform, ThumbnailStore
from filesync_web.testing.blobs import MemoryBlobStore
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.testing.connectivity import ManualConnectivity
from filesync_web.testing.http import HeldHttp, HeldRequest, MemoryNetwork, Reply
from filesync_web.testing.livestore import MemoryEventLog, MemoryHub, MemoryLeaderLock, MemoryLockManager
from filesync_web.testing.locks import MemoryLocks
from filesync_web.testing.sync_backend import MemorySyncBackend

FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)

PART_SIZE = 8 * 1024**2


def is_put(request: HeldRequest) -> bool:
    return request.method == "PUT"


def is_data(request: HeldRequest) -> bool:
    """Whether the request is for the object store, not for the signer."""
    return request.url.startswith("/objects/")


class ObjectStore:
    """The signer and the object store as rules of a network; `hold` lets the data plane's requests wait."""

    def __init__(self, network: MemoryNetwork, clock: ManualClock) -> None:
        self.clock = clock
        self.lifetime = 900.0  # seconds that a signed URL is good
        self.objects: dict[str, bytes] = {}
        self.hold: Callable[[HeldRequest], bool] = lambda _request: False
        self.features: list[str] = []
        self.tells_hash = True
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.signed = 0
        network.rule(self.answer)

    def answer(self, request: HeldRequest) -> Reply | None:
        """What the servers answer; None holds the request."""
        if self.hold(request):
            return None
        path = request.url.partition("?")[0]
        if path == "/api/health":
            return _json({"status": "ok", "features": self.features})
        if path.startswith("/api/"):
            return self.sign(path, json.loads(request.body))
        key = unquote(path.removeprefix("/objects/"))
        if "part=" in request.url:
            number = int(request.url.rpartition("part=")[2])
            self.uploads[key][number] = request.body
            return Reply(200, {"ETag": f'"{number}"'})
        if request.method == "PUT":
            self.objects[key] = request.body
            return Reply(200)
        return Reply(200, body=self.objects[key]) if key in self.objects else Reply(404)

    def sign(self, path: str, body: dict[str, Any]) -> Reply:
        if path == "/api/v1/batch":
            return _json({"results": [self.batched(request) for request in body["requests"]]})
        key = body["key"]
        if path.startswith("/api/v1/multipart/"):
            return self.multipart(path.rpartition("/")[2], key, body)
        if path == "/api/v1/head":
            data = self.objects.get(key)
            found = {"exists": data is not None, "size": len(data or b""), "etag": "x"}
            return _json({**found, "sha256": sha256(data or b"").hexdigest()} if self.tells_hash else found)
        if path == "/api/v1/delete":
            self.objects.pop(key, None)
            return Reply(204)
        self.signed += 1
        url = f"/objects/{key}?signature={self.signed}"
        expires_at = datetime.fromtimestamp(self.clock.time() + self.lifetime, UTC).isoformat()
        return _json({"url": url, "method": "PUT", "expiresAt": expires_at})

    def batched(self, request: dict[str, Any]) -> dict[str, Any]:
        """The result of one operation of a batch."""
        signs = request["op"] in ("upload", "download")
        reply = self.sign(f"/api/v1/{'sign/' * signs}{request['op']}", request)
        return {"status": reply.status, **json.loads(reply.body or b"{}")}

    def multipart(self, call: str, key: str, body: dict[str, Any]) -> Reply:
        if call == "create":
            self.uploads[key] = {}
            return _json({"uploadId": "u", "partSize": PART_SIZE})
        if key not in self.uploads:
            return Reply(404)
        parts = self.uploads[key]
        if call == "sign":
            return _json(
                {"parts": [{"url": f"/objects/{key}?part={n}", "partNumber": n} for n in body["partNumbers"]]}
            )
        if call == "list":
            listed = [{"partNumber": n, "etag": f'"{n}"', "size": len(data)} for n, data in parts.items()]
            return _json({"parts": listed})
        if call == "complete":
            self.objects[key] = b"".join(parts[part["partNumber"]] for part in body["parts"])
        del self.uploads[key]
        return _json({"etag": "x"}) if call == "complete" else Reply(204)


def _json(value: Any) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


class Device:
    """What the tabs of one device share."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.clock = ManualClock()
        self.store = ObjectStore(self.network, self.clock)
        self.blobs = MemoryBlobStore(self.network)
        self.locks = MemoryLocks()
        self.connectivity = ManualConnectivity()
        self.log = MemoryEventLog().storage
        self.hub = MemoryHub()
        self.leaders = MemoryLockManager()
        self.open_tabs: list[Tab] = []
        self.backend: MemorySyncBackend | None = None
        self.sync = fs.SyncOptions("ws://backend/sync", on_backend_reset="drop")
        self.background: BackgroundUploader | None = None
        self.thumbnails: ThumbnailStore | None = None
        self.mount: Callable[[Tree, str], Mounted] | None = None
        self.schema = SCHEMA

    async def tab(
        self,
        *,
        remote: fs.SignerConfig | None = None,
        local_only: bool = False,
        start: bool = True,
        **options: Any,
    ) -> Tab:
        """Open another tab of the device, and start its file sync."""
        ports = StorePorts(
            MemoryEventLog(self.log),
            self.hub.channel(),
            MemoryLeaderLock(self.leaders),
            self.clock,
            open_socket=self.backend.open_socket if self.backend is not None else None,
            random=Random(1),
        )
        sync = self.sync if self.backend is not None else None
        store = await Store.open(schema=self.schema, store_id="s", ports=ports, sync=sync)
        http = HeldHttp(self.network)
        platform = Platform(
            self.blobs,
            http,
            self.connectivity,
            self.locks,
            self.clock,
            background=self.background,
            thumbnails=self.thumbnails,
            mount=self.mount,
            random=Random(1),
        )
        signer = None if local_only else remote or fs.SignerConfig("/api", auth_token="t")
        file_sync = FileSync(store, platform, remote=signer, options=fs.FileSyncOptions(**options))
        tab = Tab(store, file_sync)
        self.open_tabs.append(tab)
        if start:
            file_sync.start()
        await settle()
        return tab


class Tab:
    """One tab: its store and its file sync, and everything that it was told."""

    def __init__(self, store: Store, sync: FileSync) -> None:
        self.store = store
        self.sync = sync
        self.events: list[fs.FileSyncEvent] = []
        sync.on_event(self.events.append)

    def record(self, file_id: str) -> fs.FileRecord:
        return self.store.query(FILES.tables.files.where(id=file_id))[0]

    def row(self, file_id: str) -> fs.LocalFileState | None:
        return next(iter(self.store.query(FILES.tables.local_file_state.where(file_id=file_id))), None)

    async def commit_remote_file(self, device: Device, content: bytes) -> str:
        """Another client has saved a file and uploaded it: its events arrive."""
        content_hash = sha256(content).hexdigest()
        key = f"s/{content_hash}"
        device.store.objects[key] = content
        path = f"livestore-filesync-files/{key}"
        now = int(device.clock.time() * 1000)
        events = FILES.events
        await self.store.commit(
            events.file_created(id=key, path=path, content_hash=content_hash, created_at=now, updated_at=now),
            events.file_updated(id=key, path=path, remote_key=key, content_hash=content_hash, updated_at=now),
        )
        return key

    async def keep_nothing(self, *, edit_revives: bool = True) -> None:
        """Set a policy by which what was replaced or deleted goes at once."""
        nothing = {"keep_last": 0, "keep_ms": 0, "trash_ms": 0}
        await self.store.commit(FILES.events.file_version_policy_set(**nothing, edit_revives=edit_revives))

    async def close(self) -> None:
        await self.sync.dispose()
        await self.store.close()


async def saved(tab: Tab, *contents: bytes) -> list[fs.FileOperationResult]:
    """Files that are saved and uploaded."""
    results = [await tab.sync.save_file(content) for content in contents]
    await settle()
    return results


def hash_of(content: bytes) -> str:
    """The name of the content, on every device and in the object store."""
    return sha256(content).hexdigest()


def synced(device: Device) -> MemorySyncBackend:
    """Let the tabs that are opened from now on sync with a backend. What it loses they let go as well: what
    becomes of the bytes then is the file sync's affair."""
    device.backend = MemorySyncBackend()
    return device.backend


async def forgotten(device: Device, content: bytes) -> tuple[MemorySyncBackend, Tab]:
    """A file is saved and uploaded, and then its backend has lost everything: its bytes are orphaned."""
    backend = synced(device)
    tab = await device.tab()
    await saved(tab, content)
    await device.clock.advance(5)
    backend.reset()
    await device.clock.advance(30)
    return backend, tab


async def restart(device: Device, **options: Any) -> Tab:
    """All tabs are closed, and one is opened again."""
    for tab in device.open_tabs:
        await tab.close()
    device.open_tabs.clear()
    tab = await device.tab(**options)
    await device.clock.advance(30)
    return tab


@asynccontextmanager
async def a_device() -> AsyncIterator[Device]:
    """A device; its tabs are closed at the end, and nothing may be left running."""
    async with devices(1) as [device]:
        yield device


@asynccontextmanager
async def devices(count: int) -> AsyncIterator[list[Device]]:
    """Several devices, as `a_device`."""
    before = asyncio.all_tasks()
    all_devices = [Device() for _ in range(count)]
    try:
        yield all_devices
    finally:
        for tab in [tab for device in all_devices for tab in device.open_tabs]:
            await tab.close()
        await settle()
        left = asyncio.all_tasks() - before
        assert not left, f"tasks are left: {left}"
