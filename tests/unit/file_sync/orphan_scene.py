"""Devices whose files vanish: a backend that comes back with less, a restart, and what is listed then."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import filesync_web as fs
from filesync_web.livestore.messages import Event
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import Device, Tab


def hash_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def synced_device(device: Device) -> MemorySyncBackend:
    device.backend = MemorySyncBackend()
    device.on_backend_reset = "drop"  # else what it loses would be offered again, and nothing would vanish
    return device.backend


def restore(backend: MemorySyncBackend, events: list[Event]) -> None:
    """The backend comes back from an older backup, with what it had then."""
    backend.reset()
    backend.events = list(events)


async def restart(device: Device, **options: Any) -> Tab:
    """All tabs are closed, and one is opened again."""
    for tab in device.open_tabs:
        await tab.close()
    device.open_tabs.clear()
    tab = await device.tab(**options)
    await device.clock.advance(30)
    return tab


async def orphans_of(tab: Tab) -> dict[str, fs.Orphan]:
    return {orphan.content_hash: orphan for orphan in await tab.sync.list_orphans()}
