"""What the engine's inputs cost: counted in executed lines, so that no clock is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import filesync_web.engine
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.records import FileRecord, LocalFileState, RemoteDelete, Status, TransferControl
from filesync_web.engine.effects import Effect, Job, Start
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact

ENGINE = str(Path(filesync_web.engine.__file__).parent)
ROUNDING = 1.1


def lines_of(action: Callable[[], None]) -> int:
    """How many lines of the engine are executed."""
    lines = 0

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename.startswith(ENGINE) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return lines


def fact(number: int, *, content: int | None = None, is_deleted: bool = False) -> FileFact:
    """A file that is here and uploaded, with its entry in the outbox."""
    path = file_path("s", f"{number if content is None else content:064x}")
    key = remote_key(path)
    file_id, content_hash = f"f{number}", path.rpartition("/")[2]
    record = FileRecord(file_id, path, key, content_hash, None, number, number, 1 if is_deleted else None)
    row = LocalFileState(file_id, path, content_hash, Status.DONE, Status.DONE)
    delete = RemoteDelete(key, content_hash, file_id, number)
    return FileFact(record, row, content_hash, TransferControl(file_id), (delete,))


def started(effects: list[Effect]) -> list[Job]:
    return [effect.job for effect in effects if isinstance(effect, Start)]


def delete_storm(count: int) -> None:
    """So many files are deleted one by one while there is no connection; then there is one."""
    engine = Engine()
    for number in range(count):
        engine.observe([fact(number)], now=0.0)
    for number in range(count):
        engine.observe([fact(number, is_deleted=True)], now=1.0)
    running, done = started(engine.set_gate(True, now=2.0)), 0
    while running:
        running += started(engine.succeeded(running.pop().serial, now=3.0))
        done += 1
    assert done == count


def equal_files(count: int) -> None:
    """So many files of one content are saved one by one."""
    engine = Engine()
    for number in range(count):
        engine.observe([fact(number, content=0)], now=0.0)


def flapping_gate(count: int) -> None:
    """The connection comes and goes, and nothing is to be done."""
    engine = Engine()
    engine.observe([fact(number) for number in range(count)], now=0.0)
    for _ in range(10):
        engine.set_gate(True, now=1.0)
        engine.set_gate(False, now=2.0)


@pytest.mark.parametrize("scene", [delete_storm, equal_files, flapping_gate])
def test_twice_as_many_files_cost_twice_as_much(scene: Callable[[int], None]) -> None:
    few, many = (lines_of(lambda count=count: scene(count)) for count in (100, 200))  # type: ignore[misc]
    assert few < many < 2 * few * ROUNDING


def test_a_tick_costs_the_same_however_many_files_there_are() -> None:
    engines = [Engine(), Engine()]
    for engine, count in zip(engines, (10, 1000), strict=True):
        engine.observe([fact(number) for number in range(count)], now=0.0)
        engine.set_gate(True, now=0.0)
    few, many = (lines_of(lambda engine=engine: engine.tick(now=1.0)) for engine in engines)  # type: ignore[misc]
    assert few == many
