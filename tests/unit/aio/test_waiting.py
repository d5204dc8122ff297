"""Waiting for an end that must not be missed."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.aio.waiting import to_the_end
from filesync_web.testing.clock import settle


async def test_work_is_done_to_its_end_however_often_it_is_cancelled() -> None:
    may_end, ended = asyncio.Event(), []

    async def clean_up() -> None:
        await may_end.wait()
        ended.append(True)

    task = asyncio.ensure_future(to_the_end(clean_up()))
    await settle()
    for _ in range(3):
        task.cancel()
        await settle()
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_what_the_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await to_the_end(fail())
    await to_the_end(asyncio.sleep(0))
