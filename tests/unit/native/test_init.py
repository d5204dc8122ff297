"""`init_file_sync` and `dispose_file_sync`: one instance at a time, and nothing of it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.files.garbage import GarbageCollector
from filesync_web.transfers.background_uploads import BackgroundUploads
from filesync_web.transfers.leader import Leader

FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[fs.Store]:
    store = await fs.open_store(SCHEMA, store_id="init", data_dir=tmp_path)
    yield store
    await fs.dispose_file_sync()
    await store.close()
    left = [task for task in asyncio.all_tasks() if "file sync" in task.get_name()]
    assert not left


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the leaders of the instances do, in order; stopping takes a while."""
    diary: list[str] = []
    names: dict[Leader, str] = {}
    start, stop = Leader.start, Leader.stop

    def started(leader: Leader) -> None:
        diary.append(f"{names.setdefault(leader, 'abc'[len(names)])} starts")
        start(leader)

    async def stopped(leader: Leader) -> None:
        await stop(leader)
        await asyncio.sleep(0.01)
        diary.append(f"{names.get(leader, 'nobody')} stopped")

    monkeypatch.setattr(Leader, "start", started)
    monkeypatch.setattr(Leader, "stop", stopped)
    return diary


async def test_a_second_instance_begins_when_the_first_has_ended(store: fs.Store, diary: list[str]) -> None:
    first = await fs.init_file_sync(store, remote=None)
    second = await fs.init_file_sync(store, remote=None)
    assert diary == ["a starts", "a stopped", "b starts"]
    assert fs.get_file_sync() is second
    with pytest.raises(fs.NotInitializedError, match="disposed"):
        first.start()


async def test_calls_at_once_go_one_after_the_other(store: fs.Store, diary: list[str]) -> None:
    made = await asyncio.gather(*(fs.init_file_sync(store, remote=None) for _ in range(3)))
    assert diary == ["a starts", "a stopped", "b starts", "b stopped", "c starts"]
    assert fs.get_file_sync() is made[-1]
    await asyncio.gather(fs.dispose_file_sync(), fs.dispose_file_sync(), made[-1].dispose())
    assert diary[5:] == ["c stopped"]
    with pytest.raises(fs.NotInitializedError):
        fs.get_file_sync()


async def test_what_the_first_takes_back_is_not_what_the_second_hands_over(
    store: fs.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary: list[str] = []
    handing_over = asyncio.Event()

    async def clear(_self: BackgroundUploads) -> None:
        await asyncio.sleep(0.01)
        diary.append("clear")

    async def run(_self: BackgroundUploads) -> None:
        diary.append("hand over")
        handing_over.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(BackgroundUploads, "clear", clear)
    monkeypatch.setattr(BackgroundUploads, "run", run)
    remote = fs.SignerConfig("http://127.0.0.1:9/api")
    for _ in range(2):
        await fs.init_file_sync(store, remote=remote, background_uploads=True)
        await asyncio.wait_for(handing_over.wait(), 30)
        handing_over.clear()
    assert diary == ["hand over", "clear", "hand over"]


async def test_arguments_that_are_refused_leave_the_first_alone(store: fs.Store, diary: list[str]) -> None:
    first = await fs.init_file_sync(store, remote=None)
    for wrong in ({"max_concurrent_uploads": 0}, {"no_such_option": 1}):
        with pytest.raises(fs.InvalidArgumentError):
            await fs.init_file_sync(store, remote=None, **wrong)  # type: ignore[arg-type]
    assert fs.get_file_sync() is first
    assert diary == ["a starts"]


async def test_an_instance_whose_end_fails_is_gone_nevertheless(
    store: fs.Store, diary: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: GarbageCollector) -> None:
        raise fs.StorageError("the disk is on fire")

    await fs.init_file_sync(store, remote=None)
    with monkeypatch.context() as patch:
        patch.setattr(GarbageCollector, "close", fail)
        with pytest.raises(fs.StorageError, match="fire"):
            await fs.init_file_sync(store, remote=None)
    assert "b starts" not in diary
    with pytest.raises(fs.NotInitializedError):
        fs.get_file_sync()
    await fs.init_file_sync(store, remote=None)
    assert diary[-1] == "b starts"


async def test_a_cancelled_call_leaves_nothing_half_begun(store: fs.Store, diary: list[str]) -> None:
    first = await fs.init_file_sync(store, remote=None)
    task: asyncio.Task[Any] = asyncio.ensure_future(fs.init_file_sync(store, remote=None))
    while first._leader._following is not None:  # noqa: ASYNC110 - its end has not begun
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "b starts" not in diary
    await fs.init_file_sync(store, remote=None)
    assert diary[-1] == "b starts"
