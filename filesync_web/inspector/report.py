"""What a report says, made of what the parts of the kit have told; pure.

Each part tells JSON values, or, where it failed, `{"error": ...}`: a report is wanted most when something
does not work. Here they are put together, cleaned of secrets, and looked over for what may be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from filesync_web.inspector.redaction import Redaction

FORMAT = 1
"""Of the report; it grows when something gets another meaning."""

MAX_CLOCK_OFFSET = 300
"""Seconds; object stores of S3's kind refuse signatures from 15 minutes on."""
LITTLE_ROOM = 0.9
"""The share of its quota from which a device is called full."""

Report = dict[str, Any]


def make_report(parts: Mapping[str, Any], *, at: float, tokens: Iterable[str]) -> Report:
    """The report of that moment (seconds since the epoch), without any of these tokens."""
    told = {"format": FORMAT, "at": moment(at * 1000), **parts}
    report: Report = Redaction(tokens).value(_json(told))
    return {**report, "findings": list(findings(report))}


def moment(milliseconds: float | None) -> str | None:
    """A time since the epoch as ISO 8601 in UTC; None for no time, or for one that no calendar has."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return None
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def findings(report: Report) -> Iterator[str]:
    """What may be wrong, each in a sentence; the first matters most."""
    for name, part in report.items():
        if isinstance(part, dict) and set(part) == {"error"}:
            yield f"The part {name!r} cannot tell: {part['error']}"
    yield from _of_store(_part(report, "store"))
    yield from _of_transfers(_part(report, "transfers"), _part(report, "remote"))
    yield from _of_place(_part(report, "storage"), _part(report, "service_worker"))


def _of_store(store: Report) -> Iterator[str]:
    sync, log = store.get("sync") or {}, store.get("log") or {}
    if sync.get("last_error"):
        yield f"Metadata sync fails: {sync['last_error']}"
    elif sync and not sync["enabled"]:
        yield f"Metadata sync is switched off; {log.get('pending', 0)} events wait."
    elif sync and not sync["connected"]:
        yield "Metadata sync has no connection."
    if sync.get("backend_resets"):
        yield f"The sync backend has lost events that it had confirmed, {sync['backend_resets']} times."


def _of_transfers(transfers: Report, remote: Report) -> Iterator[str]:
    counts = transfers.get("counts") or {}
    if counts.get("error_count"):
        yield f"Transfers that rest at an error: {counts['error_count']}."
    if transfers.get("is_started") is False:
        yield "Transfers are not started."
    elif transfers.get("online") is False:
        yield f"The signer cannot be reached. {remote.get('complaint', '')}".rstrip()
    offset = remote.get("clock_offset")
    if offset is not None and abs(offset) > MAX_CLOCK_OFFSET:
        yield f"This device's clock is {abs(offset)} s {'behind' if offset > 0 else 'ahead of'} the server's."


def _of_place(storage: Report, worker: Report) -> Iterator[str]:
    usage, quota = storage.get("usage"), storage.get("quota")
    if usage is not None and quota and usage > LITTLE_ROOM * quota:
        yield f"This device's storage is {round(100 * usage / quota)} % full."
    if storage.get("private_mode"):
        yield "The browser is in private mode: what is saved here goes with its last window."
    if worker.get("waiting"):
        yield "A new version of the service worker waits."


def _part(report: Report, name: str) -> Report:
    part = report.get(name)
    return part if isinstance(part, dict) else {}


def _json(value: Any) -> Any:
    """The value as JSON has it: it knows no infinity, and no classes."""
    if isinstance(value, Mapping):
        return {str(key): _json(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(member) for member in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)
