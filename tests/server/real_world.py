"""The small world of the engine's model with nothing small in it: clients of the kit on CPython, each with a
folder and a network of its own, and a server process with its embedded store.

It takes the walks of `tests/model/walks.py`. What users and servers do means the same here; when a request
ends is up to the network, so `finish` only waits for one, and `fail` breaks the next ones. A crash is a
restart: that clients may be killed at any moment is tested elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import filesync_web as fs
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.versions import VersionPolicy
from tests.harness.fault_proxy import FAULTS, FaultProxy
from tests.harness.server import ServerProcess
from tests.harness.waiting import until
from tests.in_page.client import FILES
from tests.model.state import Step
from tests.model.tables import NOTHING_KEPT
from tests.server.real_device import Device

CONTENTS = [b"", b"small", b"larger " * 20_000, b"a" * 1000, b"b" * 1000]
KEEP_ALL = VersionPolicy(keep_last=None, keep_days=None, trash_days=None)
EMPTY = hashlib.sha256(CONTENTS[0]).hexdigest()
DOWNLOADS: list[fs.FileSyncSettings] = [{}, {"downloads": "on_demand"}, {"keep_bytes": 2000}]
A_MOMENT = 0.5
"""Seconds that a step waits for a request to end; whether it has is no matter."""
CONVERGE_SECONDS = 45.0


class RealWorld:
    """Takes steps, and at the end sees to it that all devices come to rest with equal files."""

    def __init__(
        self, server: ServerProcess, proxies: Sequence[FaultProxy], folder: Path, store_id: str, clients: int
    ) -> None:
        self._server = server
        self._store_id = store_id
        *some, last = [
            Device(f"c{number}", folder / f"c{number}", proxy, server, store_id)
            for number, proxy in enumerate(proxies[: clients + 1])
        ]
        self.devices = some
        self._fresh = last

    async def replay(self, trace: Sequence[Step]) -> None:
        """Take all steps, then converge. Raises `AssertionError`, and whatever breaks."""
        try:
            for device in self.devices:
                await device.open({})
                await device.store.set_sync_enabled(False)
                await _set_policy(device, KEEP_ALL)
            for name, who, a, b in trace:
                await getattr(self, f"op_{name}")(self.devices[who % len(self.devices)], a, b)
            await self.converge()
        finally:
            for device in self.devices:
                with suppress(AttributeError):  # it was never opened
                    await device.close()

    async def converge(self) -> None:
        """Nothing fails any more, nothing old is kept any more, and everybody wants everything: all devices
        must come to rest by themselves, after a restart, with equal files; so must a fresh one."""
        for device in self.devices:
            await device.store.set_sync_enabled(True)
            device.online = True
            device.broken.clear()
            await device.close()
            await device.open({})
        await self._fresh.open({})
        self.devices.append(self._fresh)
        await self._until(self._is_one_story)
        await _set_policy(self._fresh, NOTHING_KEPT)
        await self._until(self._is_one_story)
        for device in self.devices:
            for record in device.live:
                await device.files.resume_transfer(record.id)
                await device.files.pin_file(record.id)
            await device.files.retry_errors()
        await self._until(lambda: self._is_one_story() or self._is_at_rest())
        for device in self.devices:
            await self._check_bytes(device)
        self._check_objects()

    async def _until(self, problem: Callable[[], str]) -> None:
        try:
            await until(lambda: not problem(), "the devices come to rest", timeout=CONVERGE_SECONDS)
        except AssertionError as error:
            raise AssertionError(problem()) from error

    def _is_one_story(self) -> str:
        """What keeps the devices from having equal records."""
        first = self.devices[0].records
        for device in self.devices:
            if not device.is_synced:
                return f"{device.name} is not synced: {device.store.sync_status}"
            if device.records != first:
                return f"{device.name} has {device.records}, but the first {first}"
        return ""

    def _is_at_rest(self) -> str:
        """What is not done yet."""
        done = fs.Status.DONE
        for device in self.devices:
            rows, live = device.rows, device.live
            if lost := rows.keys() - {record.id for record in live}:
                return f"{device.name} keeps the rows of {lost}"
            for record in live:
                row = rows.get(record.id)
                if not record.is_uploaded or row is None:
                    return f"{device.name}: {record} with {row} is not uploaded"
                told = (row.local_hash, row.upload_status, row.download_status)
                if told != (record.content_hash, done, done):
                    return f"{device.name}: {record} rests at {row}"
            contents = {record.content_hash for record in live}
            outbox = device.store.query(FILES.tables.remote_deletes)
            if due := [entry for entry in outbox if entry.content_hash not in contents]:
                return f"{device.name} has not done {due}"
        return ""

    async def _check_bytes(self, device: Device) -> None:
        contents = {record.content_hash for record in device.live}
        await until(lambda: device.running == set(), f"{device.name} is at rest")
        await device.files.collect_garbage()
        assert set(await device.blobs.list()) == contents, f"{device.name} has other bytes than its files"
        for content_hash in contents:
            assert hashlib.sha256(await device.blobs.read(content_hash)).hexdigest() == content_hash

    def _check_objects(self) -> None:
        """The object store has what the files have, and nothing else.

        The network may keep what was sent of an upload that was broken off, and hand it over once its object
        was deleted; such an object stays. And an empty file is had without its object, so that nobody
        notices when that is gone.
        """
        live = {remote_key(record.path) for record in self._fresh.live}
        broken_off = set().union(*(device.broken_off for device in self.devices))
        objects = self._objects()
        lost = {key for key in live - set(objects) if not key.endswith(EMPTY)}
        assert not lost, f"{lost} are lost"
        left_over = {key for key in set(objects) - live if key.rpartition("/")[2] not in broken_off}
        assert not left_over, f"{left_over} are left over"
        for key, path in objects.items():
            assert key.endswith(hashlib.sha256(path.read_bytes()).hexdigest()), f"{key} is damaged"

    def _objects(self) -> dict[str, Path]:
        """Where the server keeps the bytes of this store's objects, by key."""
        root = self._server.data / "objects"
        with closing(sqlite3.connect(f"file:{root / 'index.sqlite'}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT key, sha256 FROM objects WHERE key GLOB ?", (f"{self._store_id}/*",))
            paths = {key: next(iter((root / "blobs").rglob(sha256)), None) for key, sha256 in found}
        return {key: path for key, path in paths.items() if path is not None}

    # --- what users do

    async def op_save(self, device: Device, a: int, b: int) -> None:
        await device.files.save_file(CONTENTS[a % len(CONTENTS)], name=f"{b}")

    async def op_update(self, device: Device, a: int, b: int) -> None:
        if record := _pick(device.live, b):
            await device.files.update_file(record.id, CONTENTS[a % len(CONTENTS)])

    async def op_rename(self, device: Device, a: int, b: int) -> None:
        if record := _pick(device.live, a):
            await device.files.rename_file(record.id, f"renamed {b}")

    async def op_delete(self, device: Device, a: int, b: int) -> None:
        if record := _pick(device.live, a):
            await device.files.delete_file(record.id)

    async def op_control(self, device: Device, a: int, b: int) -> None:
        if record := _pick(device.live, a):
            files = device.files
            change = (files.resume_transfer, files.pause_transfer, files.cancel_transfer)[b % 3]
            await change(record.id)

    async def op_evict(self, device: Device, a: int, b: int) -> None:
        """Only what everybody knows as it is: who has not heard of a file may delete its object."""
        if not self._is_settled():
            return
        if record := _pick(device.live, a):
            with suppress(fs.NotEvictableError, fs.NetworkError, fs.ServerError, fs.TransferError):
                await device.files.evict_file(record.id)

    async def op_demand(self, device: Device, a: int, b: int) -> None:
        if record := _pick(device.live, a):
            with suppress(fs.FileSyncError):
                await device.files.resolve_file_url(record.id)

    async def op_settings(self, device: Device, a: int, b: int) -> None:
        await device.close()
        await device.open(DOWNLOADS[a % len(DOWNLOADS)])

    async def op_edit_deleted(self, device: Device, a: int, b: int) -> None:
        other = self.devices[(self.devices.index(device) + 1) % len(self.devices)]
        record = _pick(device.live, a)
        if record is not None and record.id in {theirs.id for theirs in other.live}:
            await other.files.delete_file(record.id)
            await self.op_sync(other, 0, 0)
            await device.files.update_file(record.id, CONTENTS[b % len(CONTENTS)])

    async def op_policy(self, device: Device, a: int, b: int) -> None:
        """What is kept stays: what ends while somebody brings it back would rightly be lost."""
        await _set_policy(device, replace(KEEP_ALL, edit_revives=a % 2 == 0))

    async def op_restore(self, device: Device, a: int, b: int) -> None:
        version = _pick([version for version in device.versions if not version.is_purged], a)
        if version is None:
            return
        record, events = device.records[version.file_id], FILES.events
        changes = [] if record.is_live else [events.file_restored(id=record.id)]
        if version.content_hash != record.content_hash:
            content, path = version.content_hash, file_path(self._store_id, version.content_hash)
            told = {"content_hash": content, "path": path, "remote_key": version.remote_key}
            changes += [
                events.file_updated(id=record.id, updated_at=record.updated_at + 1, **told),
                events.file_version_base(id=record.id, content_hash=content, base_hash=record.content_hash),
            ]
        await device.store.commit(*changes)

    async def op_purge(self, device: Device, a: int, b: int) -> None:
        """Only what everybody knows as deleted: somebody might bring it back at the same moment."""
        deleted = [record for record in device.records.values() if not record.is_live]
        if self._is_settled() and (record := _pick(deleted, a)):
            await device.store.commit(FILES.events.file_purged(id=record.id))
            for other in (device, *self.devices):
                await self.op_sync(other, 0, 0)

    async def op_resolve(self, device: Device, a: int, b: int) -> None:
        marked = [version for version in device.versions if version.conflict]
        if version := _pick(marked, a):
            resolved = FILES.events.file_version_resolved
            await device.store.commit(resolved(id=version.file_id, content_hash=version.content_hash))

    # --- what happens to devices

    async def op_online(self, device: Device, a: int, b: int) -> None:
        device.online = a % 2 == 1
        device.files.trigger_sync()

    async def op_restart(self, device: Device, a: int, b: int) -> None:
        await device.close()
        await device.open({})

    op_crash_soon = op_restart

    async def op_sync(self, device: Device, a: int, b: int) -> None:
        """Push what is pending and pull what is new; between two of these steps a device hears nothing."""
        await device.store.set_sync_enabled(True)
        device.store.nudge_sync()
        await until(lambda: device.is_synced, f"{device.name} is synced", timeout=CONVERGE_SECONDS)
        await device.store.set_sync_enabled(False)

    # --- what the network and the server do

    async def op_finish(self, device: Device, a: int, b: int) -> None:
        """Wait until one of the transfers that run has ended."""
        before = device.running
        await _a_moment(lambda: not before or before != device.running)

    async def op_finish_all(self, device: Device, a: int, b: int) -> None:
        await _a_moment(lambda: not device.running)

    async def op_cross(self, device: Device, a: int, b: int) -> None:
        """A file is edited while it is transferred, where one is."""
        busy = {file_id for file_id, *_ in device.running}
        running = [record for record in device.live if record.id in busy]
        if record := _pick(running, a):
            await device.files.update_file(record.id, CONTENTS[b % len(CONTENTS)])

    async def op_fail(self, device: Device, a: int, b: int) -> None:
        device.broken.extend([FAULTS[a % len(FAULTS)]] * (1 + b % 3))

    async def op_wait(self, device: Device, a: int, b: int) -> None:
        device.files.trigger_sync()
        await asyncio.sleep(0)

    async def op_lose(self, device: Device, a: int, b: int) -> None:
        """The object store loses the bytes of an object that some device still has, and whose loss somebody
        would notice: an empty file is had without asking for its bytes."""
        if path := _pick([path for path in self._held_objects() if path.stat().st_size], a):
            path.unlink(missing_ok=True)

    async def op_damage(self, device: Device, a: int, b: int) -> None:
        if path := _pick([path for path in self._held_objects() if path.stat().st_size], a):
            path.write_bytes(b"x" + path.read_bytes()[1:])

    def _held_objects(self) -> list[Path]:
        """The bytes of objects whose content some device has, for a file that it knows as live."""
        held = {
            row.local_hash
            for device in self.devices
            for record in device.live
            if (row := device.rows.get(record.id)) and row.local_hash == record.content_hash
        }
        return sorted(path for key, path in self._objects().items() if key.rpartition("/")[2] in held)

    def _is_settled(self) -> bool:
        """Whether all devices know the same and have nothing left to do."""
        first = self.devices[0].records
        return all(
            device.records == first
            and not device.store.sync_status.pending
            and not device.store.query(FILES.tables.remote_deletes)
            and not device.running
            for device in self.devices
        )


async def _set_policy(device: Device, policy: VersionPolicy) -> None:
    """Let everything be kept for ever, or nothing."""
    limit = 0 if policy == NOTHING_KEPT else None
    limits = {"keep_last": limit, "keep_ms": limit, "trash_ms": limit}
    event = FILES.events.file_version_policy_set(**limits, edit_revives=policy.edit_revives)
    await device.store.commit(event)


def _pick(items: Sequence[Any], number: int) -> Any:
    return items[number % len(items)] if items else None


async def _a_moment(condition: Callable[[], bool]) -> None:
    """Wait for that, but not for long: it may never be so."""
    with suppress(AssertionError):
        await until(condition, "what may never be", timeout=A_MOMENT)
