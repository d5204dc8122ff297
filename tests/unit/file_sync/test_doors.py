"""What a caller gives is cleaned or refused at once; nothing is accepted that fails for ever inside."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.file_sync import FileSync
from filesync_web.testing.blobs import MemoryBlob
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Tab, a_device


async def metadata_of(tab: Tab, source: Any, **more: Any) -> fs.FileMetadata:
    """Save, upload, and read back what was recorded."""
    file = await tab.sync.save_file(source, **more)
    await settle()
    row = tab.row(file.file_id)
    assert row is not None
    assert (row.upload_status, row.last_sync_error) == (Status.DONE, "")
    return fs.get_file_metadata(tab.record(file.file_id))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mime_type": "imäge/png"},
        {"mime_type": "image/png\nx: y"},
        {"mime_type": "image/" + "x" * 300},
        {"mime_type": "picture"},
        {"mime_type": 0},
        {"metadata": fs.FileMetadata(mime_type="imäge/png")},
        {"metadata": fs.FileMetadata(mime_type=5)},  # type: ignore[arg-type]
        {"metadata": fs.FileMetadata(width=-1)},
        {"metadata": fs.FileMetadata(height=10**30)},
        {"metadata": fs.FileMetadata(width="3")},  # type: ignore[arg-type]
        {"metadata": fs.FileMetadata(size_bytes=math.nan)},  # type: ignore[arg-type]
        {"metadata": fs.FileMetadata(custom=[("a", 1)])},  # type: ignore[arg-type]
        {"metadata": fs.FileMetadata(custom={1: 2})},  # type: ignore[dict-item]
        {"metadata": fs.FileMetadata(custom={"title": "\ud800"})},
        {"metadata": fs.FileMetadata(custom={"\ud800": 1})},
        {"metadata": {}},
        {"metadata": {"title": "a"}},
        {"name": b"a.txt"},
    ],
    ids=str,
)
async def test_what_cannot_be_recorded_is_refused_before_anything_is_stored(wrong: dict[str, Any]) -> None:
    async with a_device() as device:
        tab = await device.tab()
        file = await tab.sync.save_file(b"before")
        for call in (
            tab.sync.save_file(b"bytes", **wrong),
            tab.sync.update_file(file.file_id, b"x", **wrong),
        ):
            with pytest.raises(fs.InvalidArgumentError):
                await call
        assert list(device.blobs.blobs) == [file.content_hash]
        assert len(tab.store.query(FILES.tables.files)) == 1


async def test_a_preprocessor_is_held_to_the_same() -> None:
    async with a_device() as device:
        said = fs.Preprocessed(b"x", fs.FileMetadata(mime_type="imäge/png"))
        tab = await device.tab(preprocessors={"*": lambda _source: said})
        with pytest.raises(fs.InvalidArgumentError, match="mime_type"):
            await tab.sync.save_file(b"bytes")
        assert not device.blobs.blobs


@pytest.mark.parametrize("mime_type", [" image/png ", "image/png\r\n", "\timage/png"])
async def test_the_space_around_a_type_goes(mime_type: str) -> None:
    async with a_device() as device:
        tab = await device.tab()
        assert (await metadata_of(tab, b"a", mime_type=mime_type)).mime_type == "image/png"
        said = fs.FileMetadata(mime_type=mime_type)
        assert (await metadata_of(tab, b"b", metadata=said)).mime_type == "image/png"


@pytest.mark.parametrize("mime_type", ["imäge/png", "image/" + "x" * 300, "a\nb/c", "none"])
async def test_a_source_that_names_no_type_is_taken_by_its_name(mime_type: str) -> None:
    async with a_device() as device:
        tab = await device.tab()
        assert (await metadata_of(tab, MemoryBlob(b"a", "a.png", mime_type))).mime_type == "image/png"


async def test_compressed_content_has_the_type_of_its_compression() -> None:
    async with a_device() as device:
        tab = await device.tab()
        assert (await metadata_of(tab, b"\x1f\x8b", name="data.csv.gz")).mime_type == "application/gzip"


async def test_a_name_is_cleaned_as_that_of_a_path_is() -> None:
    async with a_device() as device:
        tab = await device.tab()
        metadata = await metadata_of(tab, b"a", name="caf\udce9.txt")
        assert (metadata.name, metadata.mime_type) == ("caf?.txt", "text/plain")


async def test_a_number_is_no_name(tmp_path: Path) -> None:
    async with a_device() as device:
        tab = await device.tab()
        with tempfile.TemporaryFile() as file:
            file.write(b"a")
            file.seek(0)
            assert isinstance(file.name, int)
            assert (await metadata_of(tab, file)).name is None
        (tmp_path / "b.txt").write_bytes(b"b")
        with (tmp_path / "b.txt").open("rb") as file:
            assert (await metadata_of(tab, file)).name == "b.txt"
        with open(os.fsencode(tmp_path / "b.txt"), "rb") as file:  # noqa: ASYNC230, PTH123
            assert (await metadata_of(tab, file)).name == "b.txt"


CALLS: dict[str, Callable[[FileSync, Any], Any]] = {
    "update": lambda sync, file_id: sync.update_file(file_id, b"x"),
    "delete": lambda sync, file_id: sync.delete_file(file_id),
    "read": lambda sync, file_id: sync.read_file(file_id),
    "url": lambda sync, file_id: sync.get_file_url(file_id),
    "resolve": lambda sync, file_id: sync.resolve_file_url(file_id),
    "prioritize": lambda sync, file_id: sync.prioritize_download(file_id),
    "pause": lambda sync, file_id: sync.pause_transfer(file_id),
    "resume": lambda sync, file_id: sync.resume_transfer(file_id),
    "cancel": lambda sync, file_id: sync.cancel_transfer(file_id),
    "pin": lambda sync, file_id: sync.pin_file(file_id),
    "unpin": lambda sync, file_id: sync.unpin_file(file_id),
    "evict": lambda sync, file_id: sync.evict_file(file_id),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_what_names_no_file_is_refused_by_its_kind(call: Callable[[FileSync, Any], Any]) -> None:
    async with a_device() as device:
        tab = await device.tab()
        for wrong in (5, None, b"id", ["id"]):
            with pytest.raises(fs.InvalidArgumentError, match="id or path"):
                await call(tab.sync, wrong)
        for unknown in ("", "nobody", "\ud800", "x" * 100_000, "/", "a\0b"):
            with pytest.raises(fs.UnknownFileError):
                await call(tab.sync, unknown)


@pytest.mark.parametrize("wrong", ["1", None, math.nan, b"1"], ids=str)
async def test_a_number_of_bytes_is_a_number(wrong: Any) -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match="wanted_bytes"):
            await tab.sync.free_space(wrong)


async def test_what_cannot_be_called_is_no_callback() -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match="callback"):
            tab.sync.on_event("print")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"auth_token": "tökén"}, {"auth_token": "a\nb"}, {"headers": {"x-tenant": "ü"}}], ids=str
)
def test_a_header_that_cannot_be_sent_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(fs.InvalidArgumentError, match="header"):
        fs.SignerConfig("/api", **wrong)


async def test_a_token_from_a_file_may_end_with_its_line() -> None:
    config = fs.SignerConfig("/api", auth_token="secret\n", headers={"x-number": 5})  # type: ignore[dict-item]
    assert await config.auth_headers() == {"x-number": "5", "Authorization": "Bearer secret"}
    asked = fs.SignerConfig("/api", auth_token=lambda: "secret\n")
    assert await asked.auth_headers() == {"Authorization": "Bearer secret"}


async def test_one_text_is_no_list_of_paths() -> None:
    with pytest.raises(fs.InvalidArgumentError, match="list"):
        await fs.prefetch_files("livestore-filesync-files/s/x")


HOSTILE = [
    '{"sizeBytes": 1e308, "image": {"width": 1e308, "height": 2}, "custom": {"a": 1}}',
    '{"custom": {"x": NaN}}',
    '{"custom": {"x": %s}}' % ("9" * 4000),
    '{"custom": {"name": "\\ud800"}}',
    '{"custom": %s}' % ("[" * 5000 + "]" * 5000),
]


@pytest.mark.parametrize("metadata_json", HOSTILE, ids=lambda text: text[:30])
async def test_a_file_whose_metadata_somebody_has_spoilt_can_be_used(metadata_json: str) -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id = await tab.commit_remote_file(device, b"theirs")
        record = tab.record(file_id)
        await tab.store.commit(
            FILES.events.file_updated(
                id=file_id,
                path=record.path,
                remote_key=record.remote_key,
                content_hash=record.content_hash,
                metadata_json=metadata_json,
                updated_at=record.updated_at,
            )
        )
        await settle()
        assert (await tab.sync.read_file(file_id)).data == b"theirs"
        assert await tab.sync.resolve_file_url(file_id)
        await tab.sync.update_file(file_id, b"mine", metadata=fs.FileMetadata(custom={"title": "t"}))
        await settle()
        assert fs.get_file_metadata(tab.record(file_id)).custom["title"] == "t"
        assert tab.record(file_id).is_uploaded
