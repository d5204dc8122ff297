"""A device with tabs, a small app schema, and the file schema, for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from filesync_web.files.schema import create_file_sync_schema
from filesync_web.livestore import fields as f
from filesync_web.livestore.ports import SocketFactory, StorePorts
from filesync_web.livestore.schema import Schema, event, make_schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.livestore.tables import table
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.testing.livestore import (
    MemoryChannel,
    MemoryEventLog,
    MemoryHub,
    MemoryLeaderLock,
    MemoryLockManager,
    MemoryLogStorage,
)

FILES = create_file_sync_schema()
FILE_SCHEMA = make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)

notes = table(
    "notes",
    {"id": f.text(primary_key=True), "body": f.text(default=""), "likes": f.integer(default=0)},
)
drafts = table("drafts", {"id": f.text(primary_key=True), "body": f.text()}, client_only=True)
note_added = event("v1.NoteAdded", {"id": f.text(), "body": f.text(default="")})
note_changed = event("v1.NoteChanged", {"id": f.text(), "body": f.text()})
note_liked = event("v1.NoteLiked", {"id": f.text()})
draft_set = event(
    "v1.DraftSet", {"id": f.text(), "body": f.text()}, synced=False, compact_by=lambda args: args.id
)

NOTES: Schema = make_schema(
    tables={"notes": notes, "drafts": drafts},
    events={
        "note_added": note_added,
        "note_changed": note_changed,
        "note_liked": note_liked,
        "draft_set": draft_set,
    },
    materializers={
        "v1.NoteAdded": lambda args, _ctx: notes.insert(on_conflict="ignore", **args),
        "v1.NoteChanged": lambda args, _ctx: notes.where(id=args.id).update(body=args.body),
        "v1.NoteLiked": "UPDATE notes SET likes = likes + 1 WHERE id = :id",
        "v1.DraftSet": lambda args, _ctx: drafts.insert(on_conflict="replace", **args),
    },
)


@dataclass
class Device:
    """One device: its log, its channel, its lock; `tab` opens a store on them."""

    clock: ManualClock = field(default_factory=ManualClock)
    storage: MemoryLogStorage = field(default_factory=MemoryLogStorage)
    hub: MemoryHub = field(default_factory=MemoryHub)
    locks: MemoryLockManager = field(default_factory=MemoryLockManager)
    channels: dict[str, MemoryChannel] = field(default_factory=dict)
    leader_locks: dict[str, MemoryLeaderLock] = field(default_factory=dict)
    push_gap: float = 0.0

    async def tab(
        self,
        name: str = "tab",
        *,
        schema: Schema = NOTES,
        open_socket: SocketFactory | None = None,
        payload: Any = None,
        log_format: int = 1,
        **options: Any,
    ) -> Store:
        channel = self.channels[name] = self.hub.channel()
        lock = self.leader_locks[name] = self.locks.lock()
        log = MemoryEventLog(self.storage, format=log_format)
        ports = StorePorts(log, channel, lock, self.clock, open_socket, Random(7), self.push_gap)
        sync = SyncOptions("ws://backend/sync", payload, **options) if open_socket else None
        store = await Store.open(schema=schema, store_id="store", ports=ports, sync=sync, session_id=name)
        await settle()
        return store


def bodies(store: Store) -> dict[str, str]:
    """The notes of a store: id to body."""
    return {note.id: note.body for note in store.query(notes)}


def recorder() -> tuple[list[Any], Callable[[Any], None]]:
    """A list and a callback that fills it."""
    seen: list[Any] = []
    return seen, seen.append
