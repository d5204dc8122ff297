"""Undo of deletions in the gallery: what is offered, what is purged, and when."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from demo.purges import Purges
from tests.harness.waiting import until
from tools.common import ROOT

TIME = 0.05
"""Seconds to undo, in these tests."""


@dataclass
class Memory:
    """What a device remembers."""

    text: str = ""

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text = text


@dataclass
class Device:
    """The trash, the toasts and the memory of one device; `undo` is made by `open`."""

    planned: Memory = field(default_factory=Memory)
    keeps: Memory = field(default_factory=Memory)
    is_confirmed: bool = True
    is_focused: bool = False
    offered: str = ""
    restored: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    tasks: list[asyncio.Future[None]] = field(default_factory=list)
    undo: Any = None

    def open(self, module: Any) -> None:
        self.undo = module.Undo(
            self, self, planned=self.planned, keeps=self.keeps, start=self.start, on_back=self.on_back
        )

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def on_back(self, _file_ids: list[str], names: list[str]) -> None:
        self.back += names

    async def restore(self, file_ids: Sequence[str]) -> None:
        self.restored += file_ids

    async def purge_undisputed(self, file_ids: Sequence[str]) -> None:
        self.purged += file_ids

    def offer(self, _key: str, text: str, _label: str, _accept: Callable[[], None]) -> None:
        self.offered = text

    def withdraw(self, _key: str) -> None:
        self.offered = ""

    def has_focus(self, _key: str) -> bool:
        return self.is_focused

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until it is so."""
        await until(is_so, "it is so")
        await asyncio.gather(*self.tasks)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gallery's module, which imports others as they are in the page."""
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    found = importlib.import_module("undo")
    monkeypatch.setattr(found, "UNDO_TIME", TIME)
    return found


@pytest.fixture
async def device(module: Any) -> AsyncIterator[Device]:
    made = Device()
    made.open(module)
    yield made
    await asyncio.gather(*made.tasks)


async def test_what_is_not_undone_is_purged(device: Device) -> None:
    device.undo.deleted("1", "sea.png")
    assert device.offered == "Deleted “sea.png”"
    device.undo.deleted("2", "sun.png")
    assert device.offered == "Deleted 2 files"
    assert not device.purged
    await device.until(lambda: device.purged)
    assert (device.purged, device.offered, device.undo.purges.next_at) == (["1", "2"], "", None)
    device.undo.undo()
    assert not device.restored, "it is too late"


async def test_what_is_undone_is_back_and_never_purged(device: Device) -> None:
    device.undo.deleted("1", "sea.png")
    device.undo.deleted("2", "sun.png")
    device.undo.undo()
    await device.until(lambda: device.back)
    assert (device.restored, device.back, device.offered) == (["1", "2"], ["sea.png", "sun.png"], "")
    device.undo.deleted("3", "sky.png")
    await device.until(lambda: device.purged)
    assert device.purged == ["3"]


async def test_nothing_is_purged_before_the_backend_knows_of_the_deletion(device: Device) -> None:
    device.is_confirmed = False
    device.undo.deleted("1", "sea.png")
    await device.until(lambda: not device.offered)
    device.undo.check()
    assert not device.purged
    device.is_confirmed = True
    device.undo.check()
    await device.until(lambda: device.purged)
    assert device.purged == ["1"]


async def test_where_deleted_pictures_are_kept_none_is_purged(
    module: Any, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_UNDO_TIME", TIME)
    device.undo.deleted("1", "sea.png")
    device.undo.keeps_deleted = True
    device.undo.deleted("2", "sun.png")
    await device.until(lambda: not device.offered)
    assert not device.purged
    assert device.keeps.text == "yes"
    device.undo.keeps_deleted = False
    assert not device.undo.keeps_deleted
    device.undo.deleted("3", "sky.png")
    await device.until(lambda: device.purged)
    assert device.purged == ["3"], "what was kept stays"


async def test_while_the_keyboard_is_at_the_toast_or_the_deleted_are_looked_at_nothing_is_purged(
    device: Device,
) -> None:
    device.is_focused = True
    device.undo.deleted("1", "sea.png")
    first = device.undo.purges.next_at
    await device.until(lambda: device.undo.purges.next_at > first)
    assert device.offered
    device.is_focused = False
    device.undo.hold()
    await device.until(lambda: not device.offered)
    device.undo.check()
    assert not device.purged
    device.undo.release()
    await device.until(lambda: device.purged)
    assert device.purged == ["1"]


async def test_a_page_that_is_opened_again_purges_what_was_planned(module: Any) -> None:
    device = Device(planned=Memory(json.dumps({"old": 1.0})))
    device.open(module)
    await device.until(lambda: device.purged)
    assert device.purged == ["old"]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7", '{"1": "soon", "2": null}'])
def test_a_memory_with_something_else_in_it_plans_nothing(text: str) -> None:
    purges = Purges(Memory(text))
    assert purges.next_at is None
    assert purges.due(1e12) == []
    purges.plan(["3"], 5.0)
    assert (purges.due(4.0), purges.due(5.0), "3" in purges, "1" in purges) == ([], ["3"], True, False)
