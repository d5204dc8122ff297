"""Runs in Pyodide outside of a browser: what cannot be had there, and what can."""

import asyncio
import json

# --8<-- [start:imports]
import filesync_web as fs
from filesync_web import testing
from filesync_web.livestore.ports import StorePorts
from filesync_web.ports import Platform
from filesync_web.testing.livestore import MemoryEventLog, MemoryHub, MemoryLockManager

# --8<-- [end:imports]

kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)


async def refusals():
    """What the app is told when it asks for what only a browser has."""
    words = []
    for asked in (
        fs.open_store(schema, store_id="a", sync=fs.SyncOptions("/sync", auth_token="token")),
        fs.register_file_sync_service_worker(),
    ):
        try:
            await asked
        except fs.FileSyncError as error:
            words.append([type(error).__name__, str(error)])
    return words


# --8<-- [start:store]
async def open_in_memory(schema, network):
    """A store and its file sync, which a test may stop and look at."""
    clock = testing.ManualClock()
    ports = StorePorts(MemoryEventLog(), MemoryHub().channel(), MemoryLockManager().lock(), clock)
    platform = Platform(
        blobs=testing.MemoryBlobStore(network),
        http=testing.HeldHttp(network),
        connectivity=testing.ManualConnectivity(),
        locks=testing.MemoryLocks(),
        clock=clock,
    )
    store = await fs.Store.open(schema=schema, store_id="test", ports=ports, sync=None)
    return store, fs.FileSync(store, platform, remote=fs.SignerConfig("/api", auth_token="token"))


# --8<-- [end:store]


def signer(request):
    answers = {
        "/api/health": {"status": "ok", "features": []},
        "/api/v1/sign/upload": {"method": "PUT", "url": "/upload", "expiresAt": "2999-01-01T00:00:00Z"},
        "/api/v1/sign/download": {"url": "/download", "expiresAt": "2999-01-01T00:00:00Z"},
    }
    answer = answers.get(request.url)
    return answer and testing.Reply(body=json.dumps(answer).encode())


async def transferred():
    """What the object store gets of a file that is saved, and what is read of one that is there."""
    network = testing.MemoryNetwork()
    network.rule(signer)
    store, sync = await open_in_memory(schema, network)
    sync.start()
    saved = await sync.save_file(b"a picture", name="dot.png")
    upload = await network.next("PUT /upload")
    upload.respond(200)
    await sync.wait_until_synced()
    await sync.evict_file(saved.file_id)
    reading = asyncio.ensure_future(sync.read_bytes(saved.file_id))
    (await network.next("GET /download")).respond(200, body=upload.body)
    found = await reading
    await sync.dispose()
    await store.close()
    return [upload.body.decode(), found.decode()]


print(json.dumps({"refusals": await refusals(), "transferred": await transferred()}))  # noqa: F704, PLE1142
