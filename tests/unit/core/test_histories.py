"""The rules of versions, conflicts and trash, without a store."""

from __future__ import annotations

import math

import pytest

from filesync_web.core.histories import (
    RULES,
    Change,
    Found,
    based,
    created,
    deleted,
    edited,
    purged,
    restored,
)
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import (
    DAY,
    Conflict,
    History,
    VersionPolicy,
    file_and_content,
    kept_until,
    version_id,
)

X, Y, Z = ("a" * 64, "b" * 64, "c" * 64)
POLICY = VersionPolicy()


def new_file() -> History:
    return created(record(X, 0), "a")


def record(content_hash: str, at: int, *, deleted_at: int | None = None) -> FileRecord:
    return FileRecord("f", f"s/{content_hash}", "", content_hash, None, 0, at, deleted_at)


def edit(history: History, content: str, base: str, client: str, at: int = 1) -> History:
    new = record(content, at, deleted_at=history.record.deleted_at)
    return based(edited(history, new, client), content, base, client, POLICY)


def conflicts(history: History) -> dict[str, Conflict]:
    return {v.content_hash: v.conflict for v in history.versions if v.conflict}


def test_every_change_has_a_rule_for_whatever_it_meets() -> None:
    of_what_is_deleted = (Change.DELETION, Found.DELETED)  # which changes nothing, and has no base
    assert set(RULES) == {(change, found) for change in Change for found in Found} - {of_what_is_deleted}


def test_an_edit_of_what_its_author_knew_is_no_conflict() -> None:
    history = edit(new_file(), Y, X, "a")
    assert not conflicts(history)
    assert [v.content_hash for v in history.versions] == [X, Y]


def test_the_content_that_a_second_edit_has_not_seen_is_a_conflict() -> None:
    history = edit(edit(new_file(), Y, X, "a"), Z, X, "b")
    assert conflicts(history) == {Y: Conflict.EDIT}
    assert history.record.content_hash == Z


def test_who_gives_a_file_the_content_that_it_has_by_somebody_else_marks_nothing() -> None:
    history = edit(edit(edit(new_file(), Y, X, "a"), Z, Y, "b"), Y, Z, "b")
    again = based(history, Y, Z, "a", POLICY)  # as "a" did: of the same content there is no new version
    assert again == history


def test_an_edit_after_a_deletion_that_it_did_not_know_of_brings_the_file_back() -> None:
    history = edit(deleted(new_file(), 5), Y, X, "b", at=6)
    assert history.record.is_live
    assert conflicts(history) == {Y: Conflict.REVIVED}


def test_it_does_so_too_when_somebody_else_had_given_the_file_that_content() -> None:
    history = edit(deleted(edit(new_file(), Y, X, "a"), 5), Y, X, "b", at=6)
    assert history.record.is_live
    assert conflicts(history) == {Y: Conflict.REVIVED}


def test_it_stays_in_the_trash_where_the_app_chose_so() -> None:
    policy = VersionPolicy(edit_revives=False)
    trashed = deleted(new_file(), 5)
    history = based(edited(trashed, record(Y, 6, deleted_at=5), "b"), Y, X, "b", policy)
    assert not history.record.is_live
    assert conflicts(history) == {Y: Conflict.DELETION}
    assert kept_until(history, policy)[Y] == 6 + 30 * DAY


def test_a_deletion_that_has_not_seen_an_edit_keeps_it_as_a_conflict_in_the_trash() -> None:
    history = based(deleted(edit(new_file(), Y, X, "a"), 9), "", X, "b", POLICY)
    assert conflicts(history) == {Y: Conflict.DELETION}
    assert set(kept_until(history, POLICY)) == {X, Y}


def test_what_is_purged_is_not_kept_and_not_restored() -> None:
    history = purged(deleted(new_file(), 5))
    assert kept_until(history, POLICY) == {}
    assert not restored(history).record.is_live


def test_a_purge_of_a_file_that_somebody_brought_back_does_nothing() -> None:
    assert purged(new_file()) == new_file()


@pytest.mark.parametrize(("keep_last", "kept"), [(0, set()), (1, {Y}), (2, {X, Y}), (None, {X, Y})])
def test_so_many_versions_are_kept(keep_last: int | None, kept: set[str]) -> None:
    history = edit(edit(new_file(), Y, X, "a", at=1), Z, Y, "a", at=2)
    assert set(kept_until(history, VersionPolicy(keep_last=keep_last))) == kept


def test_a_content_counts_once_as_the_file_had_it_last() -> None:
    two = edit(edit(new_file(), Y, X, "a"), Z, X, "b")
    again = edit(edit(two, Y, Z, "a", at=2), Z, Y, "a", at=3)
    assert [v.content_hash for v in again.versions] == [X, Y, Z, Y, Z]
    assert conflicts(again) == {Y: Conflict.EDIT}, "which is no open one any more"
    assert kept_until(again, VersionPolicy(keep_last=0)) == {}
    assert set(kept_until(again, VersionPolicy(keep_last=1))) == {Y}
    assert set(kept_until(again, VersionPolicy(keep_last=2))) == {X, Y}


def test_a_clock_that_is_behind_ends_nothing_before_it_began() -> None:
    late = edit(edit(new_file(), Y, X, "a", at=100 * DAY), Z, Y, "b", at=1)
    assert kept_until(late, POLICY)[Y] == 130 * DAY
    assert kept_until(late, VersionPolicy(keep_days=None))[Y] == math.inf


def test_the_id_of_a_version_tells_its_file_and_its_content() -> None:
    assert file_and_content(version_id("f@1", X)) == ("f@1", X)
    assert file_and_content("f@1") == ("f@1", "")
