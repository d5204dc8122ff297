"""What a file had before: its versions, the trash, conflicts, and how long each content is kept.

    record    the file as it is: one content, or a tombstone
    version   a content that the file has or had; the last one is the record's
    base      the content that whoever changed the file knew it to have
    conflict  a content that somebody gave the file, and that somebody else's change took away without having
              seen it
    trash     a deleted file; its content and its versions are kept for a while
    purged    nothing of it is kept any more

What events make of a history is in `histories`.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import FileRecord

DAY = 24 * 3600 * 1000
"""Milliseconds."""

_VERSION_ID = re.compile(r"(.*)@([0-9a-f]{64})", re.DOTALL)


class Conflict(StrEnum):
    """What a version is a conflict with, as the table spells it."""

    NONE = ""
    EDIT = "edit"  # it was replaced by an edit that had not seen it
    DELETION = "deletion"  # its file was deleted by who had not seen it
    REVIVED = "revived"  # it brought back a file of whose deletion its author did not know


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """How long what was replaced or deleted is kept: the same for all clients of a store.

    `keep_last`: at most so many replaced contents a file, not counting open conflicts. `keep_days`: each for
    so many days after it was replaced. `trash_days`: a deleted file for so many days, with those of its
    versions that are still kept. None is no limit, 0 keeps nothing. `edit_revives`: an edit by somebody who
    did not know that the file was deleted brings it back; else it stays deleted, and the edit in the trash.
    """

    keep_last: int | None = 10
    keep_days: float | None = 30
    trash_days: float | None = 30
    edit_revives: bool = True


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One content of a file, as the table has it; times are milliseconds since the epoch.

    `number` counts a file's contents in the order of the log, so it may change until the backend has
    confirmed them. `remote_key` and `metadata_json` tell of a version that has ended; of the last one the
    record does. `ended_at`: when it was replaced.
    """

    file_id: str
    number: int
    content_hash: str
    made_at: int
    client_id: str
    remote_key: str = ""
    metadata_json: str | None = None
    ended_at: int | None = None
    conflict: Conflict = Conflict.NONE
    is_purged: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """A file and all its contents, oldest first."""

    record: FileRecord
    versions: tuple[StoredVersion, ...]


def kept_until(history: History, policy: VersionPolicy) -> dict[str, float]:
    """The contents that are kept besides that of a live file, with the time of their end in milliseconds
    since the epoch, which may be past; infinity for no end."""
    record, until = history.record, math.inf
    kept: dict[str, float] = {}
    if not record.is_live:
        if history.versions[-1].is_purged or policy.trash_days == 0:
            return {}
        until = max(record.deleted_at or 0, record.updated_at) + _milliseconds(policy.trash_days)
        kept[record.content_hash] = until
    left = math.inf if policy.keep_last is None else policy.keep_last
    seen = {record.content_hash}  # a content counts once, as the file had it last
    for version in reversed(history.versions[:-1]):
        if version.is_purged or version.content_hash in seen:
            continue
        seen.add(version.content_hash)
        is_open = version.conflict is not Conflict.NONE
        if not is_open:
            left -= 1
        if (is_open or left >= 0) and version.ended_at is not None and policy.keep_days != 0:
            kept[version.content_hash] = min(until, version.ended_at + _milliseconds(policy.keep_days))
    return kept


def _milliseconds(days: float | None) -> float:
    return math.inf if days is None else days * DAY


# --- versions in the engine


def version_id(file_id: str, content_hash: str) -> str:
    """The id by which a kept content has its transfers, like a file of its own."""
    return f"{file_id}@{content_hash}"


def file_and_content(some_id: str) -> tuple[str, str]:
    """The file that an id is about, and the content where it is a version's id; else ""."""
    match = _VERSION_ID.fullmatch(some_id)
    return (match[1], match[2]) if match else (some_id, "")
