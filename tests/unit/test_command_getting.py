"""What leaves a store while other processes change it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_web.aio.clocks import SystemClock
from filesync_web.command.console import Console
from filesync_web.command.getting import own_copy
from filesync_web.command.session import SCHEMA, Session
from filesync_web.command.settings import Settings
from filesync_web.files.tables import FileSyncTables

CONSOLE = Console(as_json=False)


def take_away(path: Path) -> None:
    """As another process does that edits or evicts the file."""
    path.unlink(missing_ok=True)


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path)
    files = await fs.create_file_sync(store, remote=None)
    yield Session(Settings(url="", token="", store="s"), store, files, FileSyncTables(store, SystemClock()))
    await files.dispose()
    await store.close()


async def test_a_file_that_is_edited_just_before_it_is_read_comes_with_its_record(session: Session) -> None:
    saved = await session.files.save_file(b"one", name="a")
    before = session.tables.live(saved.file_id)
    await session.files.update_file(saved.file_id, b"two")
    async with own_copy(session, before, CONSOLE) as (record, content):
        assert content.read() == b"two"
    assert record.content_hash == hashlib.sha256(b"two").hexdigest()


async def test_bytes_that_are_taken_away_before_they_are_opened_are_asked_for_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = await session.files.save_file(b"one", name="a")
    before = session.tables.live(saved.file_id)
    read, edits = session.files.read_file, [b"two", b"three"]

    async def edited_meanwhile(file_id: str, *, wait: bool = True) -> Path:
        path: Path = await read(file_id, wait=wait)
        if edits:
            await session.files.update_file(saved.file_id, edits.pop())
            take_away(path)
        return path

    monkeypatch.setattr(session.files, "read_file", edited_meanwhile)
    async with own_copy(session, before, CONSOLE) as (record, content):
        assert content.read() == b"two"
    assert record.content_hash == hashlib.sha256(b"two").hexdigest()


async def test_bytes_stay_while_they_are_read_though_the_file_is_deleted(session: Session) -> None:
    saved = await session.files.save_file(b"one", name="a")
    record = session.tables.live(saved.file_id)
    async with own_copy(session, record, CONSOLE) as (_, content):
        path = session.files.local_path(saved.file_id)
        await session.files.delete_file(saved.file_id, purge=True)
        take_away(path)
        assert content.read() == b"one"
    with pytest.raises(fs.UnknownFileError):
        async with own_copy(session, record, CONSOLE):
            pass


async def test_what_nobody_has_uploaded_yet_is_told_by_its_name(session: Session) -> None:
    saved = await session.files.save_file(b"one", name="a")
    record = session.tables.live(saved.file_id)
    take_away(session.files.local_path(saved.file_id))
    with pytest.raises(fs.BlobNotFoundError, match="'a' is not uploaded yet"):
        async with own_copy(session, record, CONSOLE):
            pass
