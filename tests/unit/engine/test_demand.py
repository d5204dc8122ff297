"""Which files come to a device by themselves, and which only when they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from filesync_web.core.metadata import FileMetadata, encode_metadata
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.records import FileRecord, LocalFileState, Priority, Status, TransferControl
from filesync_web.core.sizes import LARGE
from filesync_web.engine.demand import Downloads
from filesync_web.engine.effects import Cancel, Effect, Start, WriteRow
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact

ON_DEMAND = Downloads(on_demand=True)


def fact(
    number: int, size: int | None = 10, *, here: bool = False, uploaded: bool = True, **control: bool | int
) -> FileFact:
    path = file_path("s", f"{number:064x}")
    content_hash = path.rpartition("/")[2]
    metadata = encode_metadata(FileMetadata(size_bytes=size))
    key = remote_key(path) if uploaded else ""
    record = FileRecord(f"f{number}", path, key, content_hash, metadata, number, number)
    return FileFact(record, None, content_hash if here else "", TransferControl(record.id, **control))  # type: ignore[arg-type]


def deleted(of: FileFact) -> FileFact:
    return replace(of, record=replace(of.record, deleted_at=1))


def an_engine(downloads: Downloads, **stored: int) -> Engine:
    engine = Engine(downloads=downloads, stored={f"{int(n[1:]):064x}": size for n, size in stored.items()})
    engine.set_gate(True, now=0.0)
    return engine


def started(effects: list[Effect]) -> list[int]:
    return [int(effect.job.file_id[1:]) for effect in effects if isinstance(effect, Start)]


def row_of(effects: list[Effect]) -> LocalFileState:
    return [effect.row for effect in effects if isinstance(effect, WriteRow)][-1]


def test_on_demand_nothing_comes_by_itself_and_rests_as_an_evicted_file_does() -> None:
    absent = an_engine(ON_DEMAND).observe([fact(1)], now=0.0)
    evicted = an_engine(Downloads()).observe([fact(1, evicted=True)], now=0.0)
    assert started(absent) == []
    assert row_of(absent) == row_of(evicted)
    assert row_of(absent).is_on_demand
    assert (row_of(absent).download_status, row_of(absent).upload_status) == (Status.DONE, Status.DONE)


@pytest.mark.parametrize("asked_for", [{"pinned": True}, {"priority": Priority.SHOWN}])
def test_what_is_asked_for_comes(asked_for: dict[str, bool | int]) -> None:
    engine = an_engine(ON_DEMAND)
    engine.observe([fact(1), fact(2)], now=0.0)
    assert started(engine.observe([fact(1, **asked_for)], now=0.0)) == [1]


def test_what_is_asked_for_no_more_is_stopped() -> None:
    engine = an_engine(ON_DEMAND)
    assert started(engine.observe([fact(1, pinned=True)], now=0.0)) == [1]
    effects = engine.observe([fact(1)], now=0.0)
    assert [type(effect) for effect in effects] == [Cancel, WriteRow]
    assert row_of(effects).is_on_demand


def test_on_demand_files_are_uploaded_all_the_same() -> None:
    assert started(an_engine(ON_DEMAND).observe([fact(1, here=True, uploaded=False)], now=0.0)) == [1]


def test_an_older_copy_goes_when_the_new_content_does_not_come() -> None:
    engine = an_engine(ON_DEMAND)
    engine.observe([fact(1, here=True)], now=0.0)
    new = replace(fact(2).record, id="f1")
    effects = engine.observe([FileFact(new, None, fact(1).record.content_hash, TransferControl("f1"))], 0.0)
    assert row_of(effects).is_on_demand


def test_files_come_as_long_as_there_is_room_for_them() -> None:
    engine = an_engine(Downloads(keep_bytes=35), f0=5)
    effects = engine.observe([fact(1), fact(2), fact(3), fact(4), fact(5, size=0)], now=0.0)
    assert started(effects) == [1, 2, 3, 5]


def test_one_that_is_too_large_does_not_keep_smaller_ones_away() -> None:
    engine = an_engine(Downloads(keep_bytes=35))
    assert started(engine.observe([fact(1, size=36), fact(2), fact(3, size=None)], now=0.0)) == [2]
    assert started(an_engine(Downloads(keep_bytes=LARGE)).observe([fact(3, size=None)], now=0.0)) == [3]


def test_what_is_here_already_counts_and_equal_content_once() -> None:
    engine = an_engine(Downloads(keep_bytes=35), f1=10, f2=20)
    same = replace(fact(2).record, id="f9")
    facts = [fact(1, here=True), fact(2, size=20), FileFact(same, None, "", TransferControl("f9")), fact(3)]
    assert started(engine.observe(facts, now=0.0)) == [2]


def test_what_is_asked_for_comes_whatever_room_there_is() -> None:
    engine = an_engine(Downloads(keep_bytes=15))
    assert started(engine.observe([fact(1, pinned=True), fact(2, pinned=True), fact(3)], now=0.0)) == [1, 2]


@pytest.mark.parametrize("going", [deleted(fact(1)), fact(1, evicted=True)], ids=["deleted", "evicted"])
def test_what_goes_makes_room(going: FileFact) -> None:
    engine = an_engine(Downloads(keep_bytes=15), f1=10)
    assert started(engine.observe([fact(1, here=True), fact(2)], now=0.0)) == []
    engine.observe([going], now=0.0)
    assert started(engine.observe([fact(2)], now=0.0)) == [2]


def test_a_restart_decides_the_same_and_writes_nothing() -> None:
    first = an_engine(Downloads(keep_bytes=15))
    rows = {
        effect.row.file_id: effect.row
        for effect in first.observe([fact(1, here=True), fact(2)], now=0.0)
        if isinstance(effect, WriteRow)
    }
    again = an_engine(Downloads(keep_bytes=15), f1=10)
    facts = [replace(fact(n, here=n == 1), row=rows[f"f{n}"]) for n in (2, 1)]
    assert again.observe(facts, now=0.0) == []
