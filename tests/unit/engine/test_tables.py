"""The tables and the queue that the engine decides by."""

from __future__ import annotations

import itertools

import pytest

from filesync_web.core.records import FileRecord, Status
from filesync_web.engine.plan import INPUTS, Plan, plan
from filesync_web.engine.ready_queue import ReadyQueue
from filesync_web.engine.transitions import TRANSITIONS, Input, next_status
from filesync_web.errors import IllegalTransitionError


def record(remote_key: str) -> FileRecord:
    return FileRecord("f", "p", remote_key, "h", None, 0, 0)


def test_the_reconciliation_table() -> None:
    assert plan(record("k"), have_local=True) is Plan.NOTHING
    assert plan(record(""), have_local=True) is Plan.UPLOAD
    assert plan(record("k"), have_local=False) is Plan.DOWNLOAD
    assert plan(record(""), have_local=False) is Plan.WAIT


@pytest.mark.parametrize("have_local", [True, False])
def test_nothing_is_transferred_in_local_only_mode(have_local: bool) -> None:
    wanted = plan(record("k"), have_local=have_local, remote=False)
    assert wanted is (Plan.NOTHING if have_local else Plan.WAIT)


def test_every_status_at_rest_can_follow_every_plan() -> None:
    at_rest = [status for status in Status if status is not Status.IN_PROGRESS]
    for status, wanted in itertools.product(at_rest, Plan):
        for event in INPUTS[wanted]:
            assert next_status(status, event) in {Status.QUEUED, Status.PENDING, Status.DONE}


def test_a_step_that_the_table_does_not_list_raises() -> None:
    for status, event in itertools.product(Status, Input):
        if event not in TRANSITIONS[status]:
            with pytest.raises(IllegalTransitionError):
                next_status(status, event)
    assert Input.START not in TRANSITIONS[Status.DONE]
    assert Input.WANT not in TRANSITIONS[Status.IN_PROGRESS]


def test_the_queue_orders_by_time_priority_and_age() -> None:
    queue = ReadyQueue()
    queue.put("late", priority=0, age=1, not_before=50, now=0)
    queue.put("old", priority=0, age=1, not_before=0, now=0)
    queue.put("new", priority=0, age=2, not_before=0, now=0)
    queue.put("urgent", priority=1, age=3, not_before=0, now=0)
    queue.put("gone", priority=9, age=0, not_before=0, now=0)
    queue.discard("gone")
    assert queue.next_due() == 50
    assert [queue.pop(0) for _ in range(4)] == ["urgent", "old", "new", None]
    assert queue.pop(50) == "late"
    assert queue.next_due() is None


def test_a_key_that_is_put_again_has_one_place() -> None:
    queue = ReadyQueue()
    queue.put("a", priority=0, age=1, not_before=0, now=0)
    queue.put("a", priority=5, age=1, not_before=9, now=0)
    assert len(queue) == 1
    assert queue.pop(0) is None
    assert queue.pop(9) == "a"
    assert queue.pop(9) is None
