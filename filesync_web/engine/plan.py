"""The reconciliation table: what a client has to do for a file, from two facts."""

from __future__ import annotations

from enum import Enum, auto

from filesync_web.core.records import FileRecord
from filesync_web.engine.effects import JobKind
from filesync_web.engine.transitions import Input


class Plan(Enum):
    """What is to be done for a file on this client."""

    NOTHING = auto()
    UPLOAD = auto()
    DOWNLOAD = auto()
    WAIT = auto()


_PLANS = {
    # (own copy has the record's content, the record has a remote key)
    (True, True): Plan.NOTHING,
    (True, False): Plan.UPLOAD,
    (False, True): Plan.DOWNLOAD,
    (False, False): Plan.WAIT,
}

JOBS = {Plan.UPLOAD: JobKind.UPLOAD, Plan.DOWNLOAD: JobKind.DOWNLOAD}

INPUTS: dict[Plan, tuple[Input, Input]] = {
    # the inputs that bring (upload, download) there
    Plan.NOTHING: (Input.SETTLE, Input.SETTLE),
    Plan.UPLOAD: (Input.WANT, Input.SETTLE),
    Plan.DOWNLOAD: (Input.SETTLE, Input.WANT),
    Plan.WAIT: (Input.SETTLE, Input.WAIT),
}


def plan(record: FileRecord, *, have_local: bool, remote: bool = True) -> Plan:
    """What to do for a live `record`.

    `have_local`: the own copy has the record's content. `remote`: there is an object store; without one
    (local-only mode) nothing is ever transferred.
    """
    if not remote:
        return Plan.NOTHING if have_local else Plan.WAIT
    return _PLANS[have_local, record.is_uploaded]
