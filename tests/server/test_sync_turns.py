"""Turns at a log: whose push waits for whose, and for how long at most. Time moves when the test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.sync.turns import CONTENDED, PAUSE, REST, TURN, Turns
from filesync_web.livestore.messages import Event, PulledEvent, ServerAhead
from filesync_web.testing import ManualClock
from tests.harness.waiting import until
from tests.server.support import TOKEN, serving
from tests.server.sync_client import error_of, event, sync_client

MOMENT = 0.01


class Log:
    """A log that is only as long as `head`, and those who push to it in their turns."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.lock = asyncio.Lock()
        self.turns = Turns(self.lock, self.clock.monotonic, self.clock.sleep)
        self.head = 0
        self.refusals: Counter[str] = Counter()

    def join(self, *names: str) -> None:
        for name in names:
            self.turns.join(name)

    async def push(self, who: str | None, parent: int) -> bool:
        """Whether a push of one event behind `parent` was accepted."""
        came_at = self.clock.monotonic()
        async with self.turns.next_push(who):
            if parent == self.head:
                self.head += 1
                self.turns.accepted(who)
                return True
            self.refusals[str(who)] += 1
            self.turns.refused(who, ServerAhead(self.head, parent), came_at)
            return False

    async def begin(self, who: str | None, parent: int) -> asyncio.Task[bool]:
        """The same as a task, which has gone as far as it can at the moment."""
        task = asyncio.create_task(self.push(who, parent))
        await self.clock.advance(0)
        return task

    async def pause(self) -> None:
        """Let so much time pass that nobody has to wait for a pause of its own."""
        await self.clock.advance(PAUSE)

    async def refuse(self, who: str) -> None:
        """Have a push of that one refused, because others were faster."""
        assert not await self.push(who, self.head - 1)


@pytest.fixture
async def log() -> Log:
    """Where "slow" joined, "fast" joined and pushed, and "slow" was refused."""
    log = Log()
    log.join("slow", "fast")
    assert await log.push("fast", 0)
    await log.refuse("slow")
    return log


async def test_the_refused_one_goes_before_who_was_faster(log: Log) -> None:
    fast = await log.begin("fast", 1)
    assert not fast.done()
    assert await log.push("slow", 1)
    await log.pause()
    assert not await fast, "the log has moved on"


async def test_it_goes_round(log: Log) -> None:
    assert await log.push("slow", 1)
    await log.pause()
    await log.refuse("fast")
    slow = await log.begin("slow", 2)
    assert not slow.done()
    assert await log.push("fast", 2)
    assert not await slow


async def test_who_waits_goes_on_when_the_turn_passes(log: Log) -> None:
    fast = await log.begin("fast", 1)
    await log.clock.advance(TURN - MOMENT)
    assert not fast.done()
    await log.clock.advance(MOMENT)
    assert fast.done()
    assert await fast


async def test_who_waits_goes_on_when_the_refused_one_leaves(log: Log) -> None:
    fast = await log.begin("fast", 1)
    await log.pause()
    log.turns.leave("slow")
    assert await fast
    assert not log.clock.sleepers


async def test_a_turn_is_waited_for_by_those_who_were_served_later_only() -> None:
    log = Log()
    log.join("first", "second", "third")
    assert await log.push("third", 0)
    await log.refuse("second")
    assert await log.push("first", 1), "it has waited longer than whose turn it is"
    log.join("newcomer")
    newcomer = await log.begin("newcomer", 2)
    assert not newcomer.done()
    assert await log.push("second", 2)
    assert not await newcomer


async def test_pushes_by_http_are_taken_for_those_of_one_connection(log: Log) -> None:
    assert await log.push(None, 1), "it has never been served"
    await log.pause()
    by_http = await log.begin(None, 2)
    assert not by_http.done()
    log.turns.leave("slow")
    assert await by_http


async def test_a_push_that_waits_for_the_lock_lets_the_refused_one_go_first(log: Log) -> None:
    assert await log.push("slow", 1)
    await log.pause()
    assert await log.push("fast", 2)
    await log.pause()
    async with log.lock:
        slow = await log.begin("slow", 1)
        fast = await log.begin("fast", 3)
    assert not await slow
    assert await log.push("slow", 3)
    await log.pause()
    assert not await fast


async def test_no_push_waits_longer_than_one_turn_however_many_there_are() -> None:
    log = Log()
    idle = [f"idle {number}" for number in range(20)]
    log.join(*idle, "busy")
    assert await log.push("busy", 0)
    await log.refuse(idle[-1])
    busy = await log.begin("busy", 1)
    for name in reversed(idle[:-1]):
        await log.clock.advance(TURN / 20)
        await log.refuse(name)
    assert not busy.done()
    await log.clock.advance(TURN / 20)
    assert await busy


async def test_a_turn_that_was_not_used_is_the_last_for_a_while(log: Log) -> None:
    await log.clock.advance(TURN)
    assert await log.push("fast", 1)
    await log.refuse("slow")
    await log.pause()
    assert (await log.begin("fast", 2)).done()
    await log.clock.advance(REST - TURN - PAUSE)
    await log.refuse("slow")
    assert not (await log.begin("fast", 3)).done()


async def test_a_turn_that_was_used_for_nothing_is_the_last_for_a_while(log: Log) -> None:
    await log.refuse("slow")
    await log.pause()
    assert (await log.begin("fast", 1)).done()


async def test_an_accepted_push_gives_the_right_to_another_turn(log: Log) -> None:
    await log.clock.advance(TURN)
    assert await log.push("slow", 1)
    assert await log.push("fast", 2)
    await log.pause()
    await log.refuse("slow")
    assert not (await log.begin("fast", 3)).done()


async def test_who_was_overtaken_in_its_turn_has_another(log: Log) -> None:
    """By another process, say."""
    log.head += 1
    assert not await log.push("slow", 1)
    fast = await log.begin("fast", 2)
    assert not fast.done()
    assert await log.push("slow", 2)
    await log.pause()
    assert not await fast


async def test_while_somebody_is_refused_each_keeps_a_pause(log: Log) -> None:
    log.turns.leave("slow")
    fast = await log.begin("fast", 1)
    await log.clock.advance(PAUSE - MOMENT)
    assert not fast.done()
    await log.clock.advance(MOMENT)
    assert await fast


async def test_nobody_pauses_where_nobody_is_refused(log: Log) -> None:
    await log.clock.advance(CONTENDED)
    for parent in range(1, 10):
        assert (await log.begin("fast", parent)).done()


async def test_who_is_ahead_of_the_log_has_no_turn() -> None:
    """It pushes to a log that has lost events, and nobody else need wait for that."""
    log = Log()
    log.join("ahead", "fast")
    assert await log.push("fast", 0)
    assert not await log.push("ahead", 5)
    assert (await log.begin("fast", 1)).done()


async def test_who_needs_time_is_refused_once_a_push_at_most() -> None:
    """However many push without a pause."""
    log = Log()
    flood = [f"flood {number}" for number in range(3)]
    log.join("slow", *flood)

    async def push_without_pause(name: str) -> None:
        while True:
            await log.push(name, log.head)
            await log.clock.sleep(MOMENT / 10)

    async def push_slowly() -> None:
        for _ in range(10):
            accepted = False
            while not accepted:
                seen = log.head
                await log.clock.sleep(5 * MOMENT)
                accepted = await log.push("slow", seen)

    flooding = [asyncio.create_task(push_without_pause(name)) for name in flood]
    slow = asyncio.create_task(push_slowly())
    await log.clock.advance(10 * (PAUSE + 10 * MOMENT))
    for task in flooding:
        task.cancel()
    assert slow.done()
    assert 0 < log.refusals["slow"] <= 10
    assert log.head > 20, "the others pushed in the meantime"


# --- the hub and its connections --------------------------------------------------------------------------


class Listener:
    """A connection that does not listen."""

    live_pulls = 0
    waiting_bytes = 0

    def broadcast(self, backend_id: str, events: Sequence[PulledEvent]) -> None: ...

    def shut_down(self) -> None: ...


@pytest.fixture
def still_clock() -> ManualClock:
    """Where no turn ends by itself, however slow the machine is."""
    return ManualClock()


@pytest.fixture
async def fair_hub(
    tmp_path: Path, still_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    monkeypatch.setattr("filesync_server.sync.turns.PAUSE", 0.0)  # it would never end either
    storage = SqliteStorage(tmp_path / "sync.sqlite")
    hub = Hub(storage, clock=still_clock.monotonic, sleep=still_clock.sleep)
    yield hub
    await hub.close()


def events(number: int) -> list[Event]:
    return [Event("v1.Test", None, number, number - 1, "clientA", "sessionA")]


async def test_the_hub_gives_turns(fair_hub: Hub, still_clock: ManualClock) -> None:
    hub, slow, fast = fair_hub, Listener(), Listener()
    hub.join("s", slow)
    hub.join("s", fast)
    assert await hub.append("s", events(1), None, fast) is None
    assert await hub.append("s", events(1), None, slow) == ServerAhead(1, 0)
    waiting = asyncio.create_task(hub.append("s", events(2), None, fast))
    await until(lambda: still_clock.sleepers == 1, "the push waits")
    assert await hub.append("other", events(1), None, fast) is None, "another store has turns of its own"
    assert await hub.append("s", events(2), None, slow) is None
    assert await waiting == ServerAhead(2, 1)
    waiting = asyncio.create_task(hub.append("s", events(3), None, slow))
    await until(lambda: still_clock.sleepers == 1, "it goes round")
    hub.leave("s", fast)
    assert await waiting is None


async def test_a_client_that_reads_before_it_pushes_comes_in_beside_one_that_never_does(
    fair_hub: Hub,
) -> None:
    sync = create_sync_backend(fair_hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as slow, sync_client(url) as fast:
        head = 0

        async def push_without_pause() -> None:
            nonlocal head
            while True:
                exit_ = await fast.pushed(event(head + 1))
                head = head + 1 if exit_["_tag"] == "Success" else error_of(exit_)["minimumExpectedNum"]

        flooding = asyncio.create_task(push_without_pause())
        refusals = []
        for _ in range(5):
            refused = 0
            while (await slow.pushed(event(len((await slow.pull_all())[1]) + 1)))["_tag"] == "Failure":
                refused += 1
            refusals.append(refused)
        flooding.cancel()
        assert max(refusals) <= 1
        assert head > 5
