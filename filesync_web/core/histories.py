"""What events make of the history of a file: the one place with the rules of conflicts.

Each client computes the histories from the log, by these functions alone; so all have the same, whatever the
order in which they heard of it. They are total: an event that fits nothing changes nothing. A change that
does not tell its base (livestore-filesync's) is taken to have known what it replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from types import MappingProxyType

from filesync_web.core.records import FileRecord
from filesync_web.core.versions import Conflict, History, StoredVersion, VersionPolicy


class Change(Enum):
    """What somebody did to a file."""

    EDIT = auto()
    DELETION = auto()


class Found(Enum):
    """What the change met, in the order of the log."""

    BASE = auto()  # what its author knew
    OTHER = auto()  # content that its author had not seen
    DELETED = auto()  # a deletion that its author did not know of


class Outcome(Enum):
    """What becomes of it, beside the change itself."""

    PLAIN = auto()
    REPLACED_IS_CONFLICT = auto()
    DELETED_IS_CONFLICT = auto()
    COMES_BACK = auto()


RULES: Mapping[tuple[Change, Found], Outcome] = MappingProxyType(
    {
        (Change.EDIT, Found.BASE): Outcome.PLAIN,
        (Change.EDIT, Found.OTHER): Outcome.REPLACED_IS_CONFLICT,
        (Change.EDIT, Found.DELETED): Outcome.COMES_BACK,  # where the policy wants that, else DELETED_IS_...
        (Change.DELETION, Found.BASE): Outcome.PLAIN,
        (Change.DELETION, Found.OTHER): Outcome.DELETED_IS_CONFLICT,
    }
)


def created(record: FileRecord, client_id: str) -> History:
    """A new file."""
    first = StoredVersion(record.id, 1, record.content_hash, record.created_at, client_id)
    return History(record, (first,))


def edited(history: History, record: FileRecord, client_id: str) -> History:
    """The record is `record` now; where its content is another one, the old content has ended."""
    old = history.record
    if record.content_hash == old.content_hash:
        return History(record, history.versions)
    *before, last = history.versions
    made_at = max(record.updated_at, last.made_at)  # a clock that is behind ends nothing before it began
    ended = replace(last, remote_key=old.remote_key, metadata_json=old.metadata_json, ended_at=made_at)
    new = StoredVersion(record.id, last.number + 1, record.content_hash, made_at, client_id)
    return History(record, (*before, ended, new))


def deleted(history: History, deleted_at: int) -> History:
    """The file is in the trash."""
    return replace(history, record=replace(history.record, deleted_at=deleted_at))


def based(
    history: History, content_hash: str, base_hash: str, client_id: str, policy: VersionPolicy
) -> History:
    """A client tells on what content its change was based, right after the change: an edit to `content_hash`,
    or a deletion where that is empty."""
    change = Change.EDIT if content_hash else Change.DELETION
    place = _made_by(history, content_hash, client_id) if content_hash else len(history.versions) - 1
    if place is None:
        return history
    met = history.versions[place - 1] if change is Change.EDIT and place else history.versions[place]
    outcome = RULES[change, _found(history, change, met, base_hash)]
    if outcome is Outcome.COMES_BACK and not policy.edit_revives:
        outcome = Outcome.DELETED_IS_CONFLICT
    match outcome:
        case Outcome.REPLACED_IS_CONFLICT:
            return _marked(history, met, Conflict.EDIT)
        case Outcome.DELETED_IS_CONFLICT:
            return _marked(history, history.versions[place], Conflict.DELETION)
        case Outcome.COMES_BACK:
            return _marked(restored(history), history.versions[place], Conflict.REVIVED)
        case Outcome.PLAIN:
            return history


def restored(history: History) -> History:
    """The file is out of the trash, unless it was purged."""
    if history.versions[-1].is_purged:
        return history
    return replace(history, record=replace(history.record, deleted_at=None))


def purged(history: History) -> History:
    """Nothing of the deleted file is kept. Where somebody has brought it back meanwhile, it stays."""
    if history.record.is_live:
        return history
    return replace(history, versions=tuple(replace(v, is_purged=True) for v in history.versions))


def resolved(history: History, content_hash: str) -> History:
    """Somebody has looked at the conflict: that content is a version like others."""
    return _changed(history, content_hash, conflict=Conflict.NONE)


def stored(history: History, content_hash: str, remote_key: str) -> History:
    """An earlier content was uploaded, or its object is lost (an empty key)."""
    return _changed(history, content_hash, remote_key=remote_key)


def _found(history: History, change: Change, met: StoredVersion, base_hash: str) -> Found:
    if change is Change.EDIT and not history.record.is_live:
        return Found.DELETED
    return Found.BASE if met.content_hash == base_hash else Found.OTHER


def _made_by(history: History, content_hash: str, client_id: str) -> int | None:
    """Where the version is that this client's edit has made. None where it made none: then somebody else had
    given the file that content already, and it changed nothing, but for a deletion."""
    places = [place for place, v in enumerate(history.versions) if v.content_hash == content_hash]
    if not places or (history.record.is_live and history.versions[places[-1]].client_id != client_id):
        return None
    return places[-1]


def _marked(history: History, marked: StoredVersion, conflict: Conflict) -> History:
    versions = [replace(v, conflict=conflict) if v.number == marked.number else v for v in history.versions]
    return replace(history, versions=tuple(versions))


def _changed(history: History, content_hash: str, **values: str) -> History:
    versions = [
        replace(v, **values) if v.content_hash == content_hash else v  # type: ignore[arg-type]
        for v in history.versions
    ]
    return replace(history, versions=tuple(versions))
