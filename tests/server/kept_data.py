"""What the kept data folders of a server hold (`tests/data/formats/server-*`): made by `write`, looked at by
`check`. To keep another format:

    python -c "import asyncio, pathlib; from tests.server import kept_data
    asyncio.run(kept_data.write(pathlib.Path('tests/data/formats/server-<n>')))"
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.objects.port import Part, Upload
from filesync_server.sync import SqliteStorage
from filesync_server.sync.storage import Appended, Page
from filesync_web.livestore.messages import Event

NOW = 1_795_600_000.0
DATA, PART = b"kept bytes\n", b"a part of kept bytes\n"
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY, OTHER_KEY, OPEN_KEY = f"kept/{DIGEST}", "kept/another name", "kept/in parts"
EVENTS = tuple(
    Event(f"v1.Event{number}", {"text": "ü\U0001f600", "n": number}, number, number - 1, "client", "session")
    for number in (1, 2)
)


def clock() -> float:
    return NOW


def open_storage(folder: Path) -> SqliteStorage:
    return SqliteStorage(folder / "sync.sqlite", clock=clock)


def open_store(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder / "objects", clock=clock)


async def write(folder: Path) -> None:
    """Fill a new data folder."""
    storage, store = open_storage(folder), open_store(folder)
    assert isinstance(await storage.append("kept", EVENTS, None), Appended)
    for key in (KEY, OTHER_KEY):
        with store.directory.temporaries.new() as temporary:
            temporary.write(DATA)
            store.directory.publish(temporary, key, "text/plain")
    new = await store.create_multipart(Upload(OPEN_KEY, "text/plain", len(PART)))
    with store.directory.temporaries.new() as temporary:
        temporary.write(PART)
        store.multipart.put_part(temporary, OPEN_KEY, new.upload_id, 1)
    await storage.close()
    await store.close()


async def check(folder: Path) -> None:
    """Everything is there, and can be gone on with."""
    storage, store = open_storage(folder), open_store(folder)
    page = await storage.read("kept", 0, None)
    assert isinstance(page, Page)
    assert tuple(pulled.event for pulled in page.events) == EVENTS
    more = Event("v1.Later", None, 3, 2, "client", "session")
    assert isinstance(await storage.append("kept", (more,), page.backend_id), Appended)
    for key in (KEY, OTHER_KEY):
        found = await store.head(key)
        assert found is not None
        assert (found.sha256, found.size, found.content_type) == (DIGEST, len(DATA), "text/plain")
    with store.directory.database.read() as db:
        (upload_id,) = db.execute("SELECT id FROM uploads").fetchone()
    (part,) = await store.list_parts(OPEN_KEY, upload_id)
    await store.complete_multipart(OPEN_KEY, upload_id, [Part(part.number, part.etag)])
    assert (await store.head(OPEN_KEY)) is not None
    await storage.close()
    await store.close()
