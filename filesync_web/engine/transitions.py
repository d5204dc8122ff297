"""The one table by which a transfer status changes.

Each file has two statuses, one for its upload and one for its download; both follow this table. A pair
that is not in it is a fault of the caller: it raises and changes nothing.

    WANT       the plan asks for the transfer                 WAIT      the bytes are nowhere to be had yet
    SETTLE     there is nothing to do                         START     a job begins
    SUCCEED    the job did it                                 FAIL      the job failed, and is to rest
    INTERRUPT  the job ended without a result and is to run again: gate closed, paused, restarted, retried
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from filesync_web.core.records import Status
from filesync_web.errors import IllegalTransitionError


class Input(Enum):
    """What may happen to a transfer."""

    WANT = auto()
    WAIT = auto()
    SETTLE = auto()
    START = auto()
    SUCCEED = auto()
    FAIL = auto()
    INTERRUPT = auto()


_AT_REST = {Input.WANT: Status.QUEUED, Input.WAIT: Status.PENDING, Input.SETTLE: Status.DONE}

TRANSITIONS: Mapping[Status, Mapping[Input, Status]] = MappingProxyType(
    {
        Status.PENDING: MappingProxyType({**_AT_REST, Input.START: Status.IN_PROGRESS}),
        Status.QUEUED: MappingProxyType(
            {**_AT_REST, Input.START: Status.IN_PROGRESS, Input.FAIL: Status.ERROR},
        ),
        Status.IN_PROGRESS: MappingProxyType(
            {Input.SUCCEED: Status.DONE, Input.FAIL: Status.ERROR, Input.INTERRUPT: Status.QUEUED}
        ),
        Status.DONE: MappingProxyType({**_AT_REST}),
        Status.ERROR: MappingProxyType({**_AT_REST, Input.START: Status.IN_PROGRESS}),
    }
)


def next_status(status: Status, event: Input) -> Status:
    """The status after `event`; raises `IllegalTransitionError` when the table has no such step."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        raise IllegalTransitionError(f"a transfer that is {status.value!r} cannot {event.name}") from None
