"""Work in the background of the gallery's page."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from tools.common import ROOT


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    return importlib.import_module("background").Background(told.append)


async def fail() -> None:
    raise fs.StoreError("the store was closed")


async def be_stopped() -> None:
    raise asyncio.CancelledError


async def test_what_goes_wrong_is_told(background: Any, told: list[str]) -> None:
    background.start(fail())
    background.start(asyncio.sleep(0))
    await settle()
    assert told == ["the store was closed"]


async def test_what_was_stopped_is_no_failure(background: Any, told: list[str]) -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    background.start(be_stopped())
    await settle()
    assert told == faults == []
