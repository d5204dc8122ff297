"""Background work is kept, its errors are told, and it ends with its owner."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging

import pytest

from filesync_web.aio.tasks import Tasks, raise_if_cancelled
from filesync_web.testing.clock import settle


async def test_a_task_is_kept_until_it_ends() -> None:
    tasks, ended = Tasks("owner"), []

    async def work() -> None:
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        ended.append(True)

    tasks.spawn(work(), "work")
    assert len(tasks) == 1
    async with asyncio.timeout(30):
        while tasks:  # noqa: ASYNC110  a thread ends it
            await asyncio.sleep(0)
    assert ended == [True]


async def test_an_error_is_logged_with_owner_and_name_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks, go = Tasks("store 'x'"), asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("a bug")

    tasks.spawn(fail(), "saving")
    other = tasks.spawn(go.wait(), "waiting")
    await settle()
    assert "store 'x': saving failed: a bug" in caplog.text
    assert "Traceback" in caplog.text
    go.set()
    assert await other
    await settle()
    assert not tasks


async def test_cancelling_waits_until_everything_is_cleaned_up() -> None:
    tasks, order = Tasks("owner"), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await settle()
            order.append("cleaned up")

    tasks.spawn(work(), "work")
    await settle()
    await tasks.cancel_and_wait()
    order.append("returned")
    assert order == ["cleaned up", "returned"]
    assert not tasks


async def test_what_cleans_up_is_not_asked_again() -> None:
    tasks, order = Tasks("owner"), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await settle()
            order.append("cleaned up")

    tasks.spawn(work(), "work")
    await settle()
    tasks.cancel()
    await asyncio.sleep(0)  # now it cleans up
    await asyncio.gather(tasks.cancel_and_wait(), tasks.cancel_and_wait())
    assert order == ["cleaned up"]


async def test_what_ending_tasks_begin_ends_as_well() -> None:
    tasks, order = Tasks("owner"), []

    async def last() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            order.append("last")
            raise

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.spawn(last(), "last")
            await settle()

    tasks.spawn(work(), "work")
    await settle()
    await tasks.cancel_and_wait()
    assert order == ["last"]
    assert not tasks


async def test_a_task_may_end_all_others() -> None:
    tasks = Tasks("owner")

    async def end_all() -> str:
        await tasks.cancel_and_wait()
        return "still here"

    other = tasks.spawn(asyncio.Event().wait(), "waiting")
    assert await tasks.spawn(end_all(), "ending") == "still here"
    assert other.cancelled()


async def test_on_end_is_told_instead_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tasks, ends = Tasks("owner"), []

    async def fail() -> None:
        raise RuntimeError("expected")

    tasks.spawn(fail(), "failing", on_end=lambda task: ends.append(str(task.exception())))
    await settle()
    tasks.spawn(
        settle(), "cancelled before its first step", on_end=lambda task: ends.append(task.cancelled())
    )
    await tasks.cancel_and_wait()
    await settle()
    assert ends == ["expected", True]
    assert "expected" not in caplog.text


async def test_an_error_of_cleaning_up_does_not_hide_that_a_task_is_to_end() -> None:
    tasks, rounds = Tasks("owner"), []

    async def again_and_again() -> None:
        while True:
            rounds.append(1)
            try:
                try:
                    await asyncio.Event().wait()
                finally:
                    raise OSError("the file cannot be closed")
            except OSError:
                raise_if_cancelled()

    tasks.spawn(again_and_again(), "work")
    await settle()
    async with asyncio.timeout(30):
        await tasks.cancel_and_wait()
    assert rounds == [1]


async def test_waiting_for_the_end_can_be_cancelled() -> None:
    tasks, go = Tasks("owner"), asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await go.wait()

    tasks.spawn(stubborn(), "stubborn")
    await settle()
    ending = asyncio.create_task(tasks.cancel_and_wait())
    await settle()
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert len(tasks) == 1
    go.set()
    await tasks.cancel_and_wait()


async def test_a_task_whose_own_time_is_just_up_is_asked_as_well() -> None:
    """`asyncio.timeout` cancels the task that it runs in as well; that is not the end that is wanted."""
    tasks = Tasks("owner")

    async def work() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = tasks.spawn(work(), "work")
    await settle(2)
    assert task.cancelling()
    async with asyncio.timeout(30):
        await tasks.cancel_and_wait()
    assert task.cancelled()
