"""One interface for the two kinds of clients: this kit's, and the real LiveStore.

Events are (wire name, arguments as they travel); both kinds know the file events, and those of the app
"notes" also `v1.NoteTaken` and `v1.TaskAdded`. Queries are the same SQL for both.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filesync_web as fs
from tests.interop.livestore_process import LiveStoreProcess

Event = tuple[str, dict[str, Any]]
Rows = list[dict[str, Any]]

TOKEN = "a-token-of-this-test"
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Device:
    """Where a client keeps its data and what it connects to."""

    folder: Path
    store_id: str
    url: str
    app: str = "files"
    token: str = TOKEN


class Client(ABC):
    """An open store on a device."""

    @abstractmethod
    async def commit(self, *events: Event) -> None:
        """Commit events, all or none."""

    @abstractmethod
    async def query(self, sql: str) -> Rows:
        """The rows as of now."""

    @abstractmethod
    async def close(self) -> None:
        """Close the store; its data stay on the device."""

    @abstractmethod
    async def _until(self, sql: str, rows: Rows) -> None: ...

    async def wait_for(self, sql: str, rows: Rows) -> None:
        """Return as soon as the query has exactly these rows; fail with the rows that it has."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._until(sql, rows)
        except TimeoutError:
            found = await self.query(sql)
            raise AssertionError(f"{type(self).__name__}: {sql} has {found!s:.2000}") from None

    async def files(self) -> Rows:
        """The whole table of files."""
        return await self.query("SELECT * FROM files ORDER BY id")

    async def wait_for_files(self, *ids: str) -> None:
        """Return as soon as there are records, also of deleted files, of exactly these ids."""
        await self.wait_for("SELECT id FROM files ORDER BY id", [{"id": file_id} for file_id in sorted(ids)])


# --- this kit -----------------------------------------------------------------------------------------------


def _app(name: str) -> fs.Schema:
    files = fs.create_file_sync_schema()
    if name == "files":
        return fs.make_schema(
            tables=files.tables,
            events=files.events,
            materializers=files.create_materializers(files.tables),
        )
    notes = fs.table("notes", {"id": fs.text(primary_key=True), "text": fs.text()})
    taken = fs.event("v1.NoteTaken", {"id": fs.text(), "text": fs.text()})
    tasks = fs.table(
        "tasks",
        {
            "id": fs.text(primary_key=True),
            "count": fs.integer(),
            "ratio": fs.real(),
            "done": fs.boolean(),
            "tags": fs.json(),
            "due": fs.timestamp(nullable=True),
            "note": fs.text(nullable=True),
        },
    )
    added = fs.event(
        "v1.TaskAdded",
        {
            "id": fs.text(),
            "count": fs.integer(),
            "ratio": fs.real(),
            "done": fs.boolean(),
            "tags": fs.json(),
            "due": fs.timestamp(nullable=True),
            "note": fs.text(optional=True),
        },
    )
    return fs.make_schema(
        tables={**files.tables, "notes": notes, "tasks": tasks},
        events={**files.events, "note_taken": taken, "task_added": added},
        materializers={
            **files.create_materializers(files.tables),
            "v1.NoteTaken": lambda args, _context: notes.insert(**args),
            "v1.TaskAdded": lambda args, _context: tasks.insert(**args),
        },
    )


class PythonClient(Client):
    """`filesync_web` in this process."""

    def __init__(self, store: fs.Store) -> None:
        self.store = store

    @classmethod
    async def open(cls, device: Device) -> PythonClient:
        sync = fs.SyncOptions(url=device.url, auth_token=device.token)
        schema = _app(device.app)
        return cls(await fs.open_store(schema, store_id=device.store_id, sync=sync, data_dir=device.folder))

    async def commit(self, *events: Event) -> None:
        known = self.store.schema.by_wire_name
        await self.store.commit(*(known[name](**known[name].decode(args)) for name, args in events))

    async def query(self, sql: str) -> Rows:
        return [row._asdict() for row in self.store.query(sql)]

    async def _until(self, sql: str, rows: Rows) -> None:
        changed = asyncio.Event()
        unsubscribe = self.store.subscribe(self.store.schema.tables.values(), lambda _names: changed.set())
        try:
            while await self.query(sql) != rows:
                changed.clear()
                await changed.wait()
        finally:
            unsubscribe()

    async def close(self) -> None:
        await self.store.close()


# --- LiveStore ----------------------------------------------------------------------------------------------


class LiveStoreClient(Client):
    """LiveStore with the schema of livestore-filesync, in a Node process."""

    _names = itertools.count()

    def __init__(self, process: LiveStoreProcess, name: str) -> None:
        self._process = process
        self._name = name

    @classmethod
    async def open(cls, process: LiveStoreProcess, device: Device) -> LiveStoreClient:
        client = cls(process, f"store-{next(cls._names)}")
        await client._do(
            "open",
            storeId=device.store_id,
            clientId=device.folder.name,
            folder=str(device.folder),
            url=device.url,
            token=device.token,
            app=device.app,
        )
        return client

    async def _do(self, op: str, **request: Any) -> Any:
        return await asyncio.wrap_future(self._process.start(op, store=self._name, **request))

    async def commit(self, *events: Event) -> None:
        await self._do("commit", events=[{"name": name, "args": args} for name, args in events])

    async def query(self, sql: str) -> Rows:
        rows: Rows = await self._do("query", sql=sql)
        return rows

    async def _until(self, sql: str, rows: Rows) -> None:
        await self._do("waitFor", sql=sql, rows=rows)

    async def close(self) -> None:
        await self._do("close")
