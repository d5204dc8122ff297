"""The fakes themselves: held requests, plans, rules, the clock and the locks."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from filesync_web.errors import NetworkError, QuotaExceededError, StallError
from filesync_web.testing import (
    HeldHttp,
    ManualClock,
    ManualConnectivity,
    MemoryBlobStore,
    MemoryLocks,
    MemoryNetwork,
    Reply,
    settle,
)


def start_get(network: MemoryNetwork, url: str = "https://x/a") -> asyncio.Task:
    return asyncio.create_task(HeldHttp(network).request("GET", url, headers={}, timeout=1.0))


async def test_a_request_waits_until_the_test_answers_it() -> None:
    network = MemoryNetwork()
    task = start_get(network)
    request = await network.next("GET https://x/a")
    await settle()
    assert not task.done()
    request.respond(201, b"hello", {"ETag": "1"})
    answer = await task
    assert (answer.status, answer.body, answer.headers) == (201, b"hello", {"etag": "1"})
    assert network.held == []


async def test_next_waits_for_a_request_that_comes_later_and_gives_each_one_once() -> None:
    network = MemoryNetwork()
    waiting = asyncio.create_task(network.next("/b"))
    await settle()
    tasks = [start_get(network, "https://x/a"), start_get(network, "https://x/b")]
    assert (await waiting).url.endswith("/b")
    first = await network.next()
    assert first.url.endswith("/a")
    for request in network.held:
        request.respond()
    await asyncio.gather(*tasks)


async def test_cancelling_aborts_the_request() -> None:
    network = MemoryNetwork()
    task = start_get(network)
    request = await network.next()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.aborted
    assert network.held == []


async def test_going_offline_fails_what_is_held_and_what_comes() -> None:
    network = MemoryNetwork()
    task = start_get(network)
    await network.next()
    network.online = False
    for each in (task, start_get(network)):
        with pytest.raises(NetworkError):
            await each


async def test_plans_come_before_rules_and_rules_before_holding() -> None:
    network = MemoryNetwork()
    network.rule(lambda request: Reply(200, body=b"rule") if "/ruled" in request.url else None)
    network.plan("/ruled", Reply(503), NetworkError("cut"), Reply(200, body=b"abc", cut_after=2), None)
    assert (await start_get(network, "https://x/ruled")).status == 503
    for _ in range(2):
        with pytest.raises(NetworkError):
            await start_get(network, "https://x/ruled")
    for _ in range(2):
        assert (await start_get(network, "https://x/ruled")).body == b"rule"
    start_get(network, "https://x/other").cancel()


async def test_an_upload_sends_the_range_and_reports_progress() -> None:
    network = MemoryNetwork()
    store = MemoryBlobStore(network)
    info = await store.put(b"0123456789")
    seen: list[tuple[int, int]] = []
    upload = asyncio.create_task(
        HeldHttp(network).upload(
            "PUT",
            "https://x/key",
            headers={"X-A": "1"},
            blob=await store.open(info.content_hash),
            start=2,
            end=6,
            progress=lambda done, total: seen.append((done, total)),
            stall_timeout=30,
        )
    )
    request = await network.next("PUT")
    assert (request.body, request.headers) == (b"2345", {"x-a": "1"})
    request.move(3)
    request.respond(200)
    await upload
    assert seen == [(3, 4), (4, 4)]


async def test_a_stalled_reply_is_a_stall_error_and_a_quota_is_kept() -> None:
    network = MemoryNetwork()
    store = MemoryBlobStore(network, quota=3)
    network.plan("GET", Reply(200, body=b"abc", stall_after=1))
    with pytest.raises(StallError):
        await store.download(
            "https://x", {}, content_hash=hashlib.sha256(b"abc").hexdigest(), size=3, stall_timeout=1
        )
    with pytest.raises(QuotaExceededError):
        await store.put(b"abcd")
    assert await store.list() == {}


async def test_the_clock_wakes_sleepers_in_order_and_repeatedly() -> None:
    clock = ManualClock(100.0)
    woken: list[float] = []

    async def every(seconds: float) -> None:
        while True:
            await clock.sleep(seconds)
            woken.append(clock.time())

    tasks = [asyncio.create_task(every(3)), asyncio.create_task(every(2))]
    await clock.advance(6.5)
    assert woken == [102, 103, 104, 106, 106]
    assert clock.time() == 106.5
    assert clock.wake_times == [108, 109]
    for task in tasks:
        task.cancel()
    await settle()
    assert clock.wake_times == []


async def test_the_wall_clock_can_be_set_without_time_passing_and_time_pass_without_anybody_running() -> None:
    clock = ManualClock(100.0)
    task = asyncio.create_task(clock.sleep(5))
    await settle()
    began = clock.monotonic()
    clock.shift_wall_clock(-3600)
    assert (clock.time(), clock.monotonic() - began) == (-3500, 0)
    clock.oversleep(7)
    await settle()
    assert not task.done()
    await clock.advance(1)
    assert task.done()
    assert (clock.time(), clock.monotonic() - began) == (-3492, 8)


async def test_connectivity_tells_subscribers_until_they_leave() -> None:
    connectivity = ManualConnectivity()
    seen: list[bool] = []
    unsubscribe = connectivity.subscribe(seen.append)
    connectivity.set_online(False)
    unsubscribe()
    unsubscribe()
    connectivity.set_online(True)
    assert seen == [False]


async def test_a_cancelled_waiter_does_not_keep_the_lock_from_others() -> None:
    locks = MemoryLocks()
    order: list[str] = []

    async def use(name: str, *, exclusive: bool, until: asyncio.Event) -> None:
        async with locks.hold("x", exclusive=exclusive):
            order.append(name)
            await until.wait()

    go = asyncio.Event()
    reader = asyncio.create_task(use("reader", exclusive=False, until=go))
    writer = asyncio.create_task(use("writer", exclusive=True, until=go))
    second = asyncio.create_task(use("second reader", exclusive=False, until=go))
    await settle()
    assert order == ["reader"]
    writer.cancel()
    await settle()
    assert order == ["reader", "second reader"]
    go.set()
    await asyncio.gather(reader, second)
    async with locks.hold("x", exclusive=True):
        order.append("last")
    assert order[-1] == "last"
