"""How many jobs run at once: as many as were set, else as their sizes allow; nobody is passed for ever."""

from __future__ import annotations

import pytest

from filesync_web.core.metadata import FileMetadata, encode_metadata
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.records import FileRecord, TransferControl
from filesync_web.core.sizes import LARGE, SMALL
from filesync_web.engine.effects import Effect, Start
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact
from filesync_web.engine.state import Limits

MIDDLE, HUGE = SMALL + 1, LARGE + 1


def fact(number: int, size: int | None, *, here: bool = True, priority: int = 0) -> FileFact:
    path = file_path("s", f"{number:064x}")
    content_hash = path.rpartition("/")[2]
    key = "" if here else remote_key(path)
    metadata = encode_metadata(FileMetadata(size_bytes=size))
    record = FileRecord(f"f{number}", path, key, content_hash, metadata, number, number)
    control = TransferControl(record.id, priority=priority)
    return FileFact(record, None, content_hash if here else "", control)


def started(effects: list[Effect]) -> list[int]:
    """The numbers of the files whose jobs start."""
    return [int(effect.job.file_id[1:]) for effect in effects if isinstance(effect, Start)]


def serials(effects: list[Effect]) -> list[int]:
    return [effect.job.serial for effect in effects if isinstance(effect, Start)]


def an_engine(limits: Limits | None = None) -> Engine:
    engine = Engine(limits=limits)
    engine.set_gate(True, now=0.0)
    return engine


@pytest.mark.parametrize("here", [True, False], ids=["upload", "download"])
@pytest.mark.parametrize(
    ("size", "at_once"), [(0, 24), (SMALL, 24), (MIDDLE, 4), (LARGE, 4), (HUGE, 2), (None, 2)]
)
def test_sizes_decide_how_many_run_at_once(size: int | None, at_once: int, *, here: bool) -> None:
    effects = an_engine().observe([fact(number, size, here=here) for number in range(50)], now=0.0)
    assert started(effects) == list(range(at_once))


@pytest.mark.parametrize("size", [0, HUGE])
@pytest.mark.parametrize("limit", [1, 3, 30])
def test_a_number_that_was_set_counts_whatever_the_sizes_are(size: int, limit: int) -> None:
    engine = an_engine(Limits(uploads=limit))
    effects = engine.observe([fact(number, size) for number in range(50)], now=0.0)
    assert started(effects) == list(range(limit))


def test_small_files_go_beside_large_ones() -> None:
    facts = [fact(0, HUGE), fact(1, HUGE), *(fact(number, 0) for number in range(2, 20))]
    assert started(an_engine().observe(facts, now=0.0)) == list(range(8))


def test_a_large_file_is_not_passed_by_small_ones() -> None:
    engine = an_engine()
    first = engine.observe([fact(number, 0) for number in range(24)], now=0.0)
    engine.observe([fact(24, HUGE), *(fact(number, 0) for number in range(25, 60))], now=0.0)
    begun = [started(engine.succeeded(serial, now=1.0)) for serial in serials(first)[:9]]
    assert begun == [[]] * 8 + [[24]]


def test_what_is_looked_at_goes_before_what_waits_for_room() -> None:
    engine = an_engine()
    first = engine.observe([fact(number, HUGE, here=False) for number in range(3)], now=0.0)
    assert started(first) == [0, 1]
    effects = engine.observe([fact(3, 0, here=False), fact(4, 0, here=False, priority=1)], now=0.0)
    assert started(effects) == [4]


def test_uploads_and_downloads_have_room_of_their_own() -> None:
    engine = an_engine()
    facts = [fact(number, HUGE, here=number % 2 == 0) for number in range(10)]
    assert sorted(started(engine.observe(facts, now=0.0))) == [0, 1, 2, 3]


def test_what_was_told_to_stop_takes_room_until_it_has_ended() -> None:
    engine = an_engine()
    running = serials(engine.observe([fact(number, HUGE) for number in range(3)], now=0.0))
    engine.set_gate(False, now=1.0)
    assert started(engine.set_gate(True, now=1.0)) == []
    assert started(engine.cancelled(running[0], now=2.0)) == [0]
    assert started(engine.cancelled(running[1], now=2.0)) == [1]
