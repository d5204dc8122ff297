"""The tables of versions follow from the log: on every client the same, by the rules, and kept by the policy.

A failing run prints its seed, which `VERSIONS_SEED` repeats.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from filesync_web.core import histories
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import DAY, Conflict, History, StoredVersion, VersionPolicy, version_id
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import ConfirmedEntry, LocalEntry, LocalEvent, LogDelta, Position
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.state import State
from tests.unit.livestore.support import FILE_SCHEMA, FILES, Device

CONTENTS = [letter * 64 for letter in "abcd"]
SEED = int(os.environ.get("VERSIONS_SEED", "0")) or time.time_ns()
ANYTHING = st.sampled_from([*CONTENTS, "", "no hash", "A" * 64])
MS = st.sampled_from([0, 5, 20, 1000]) | st.none()
EXAMPLES = [60, pytest.param(600, marks=pytest.mark.thorough)]


@dataclass(frozen=True)
class Step:
    """An event by a client."""

    client: str
    event: NewEvent


def created(file_id: str, content: str, at: int) -> NewEvent:
    return FILES.events.file_created(
        id=file_id, path="", content_hash=content, metadata_json="{}", created_at=at, updated_at=at
    )


def updated(file_id: str, content: str, at: int, key: str = "") -> NewEvent:
    about: dict[str, Any] = {} if key else {"metadata_json": f'{{"sizeBytes":{at}}}'}
    return FILES.events.file_updated(
        id=file_id, path="", remote_key=key, content_hash=content, updated_at=at, **about
    )


def policy_set(keep_last: int | None, keep_ms: int | None, trash_ms: int | None, revives: bool) -> NewEvent:
    return FILES.events.file_version_policy_set(
        keep_last=keep_last, keep_ms=keep_ms, trash_ms=trash_ms, edit_revives=revives
    )


def events_of(contents: st.SearchStrategy[str]) -> st.SearchStrategy[NewEvent]:
    """Any event of a few files."""
    events, at = FILES.events, st.integers(0, 30)
    ids = st.sampled_from(["f", "f", "f", "g", "f@" + "a" * 64])
    key = st.sampled_from(["", "", "key"])
    return st.one_of(
        st.builds(created, ids, contents, at),
        st.builds(updated, ids, contents, at, key),
        st.builds(updated, ids, contents, at, key),
        st.builds(events.file_deleted, id=ids, deleted_at=at),
        st.builds(events.file_version_base, id=ids, content_hash=contents | st.just(""), base_hash=contents),
        st.builds(events.file_version_base, id=ids, content_hash=contents | st.just(""), base_hash=contents),
        st.builds(events.file_version_stored, id=ids, content_hash=contents, remote_key=key),
        st.builds(events.file_version_resolved, id=ids, content_hash=contents),
        st.builds(policy_set, st.none() | st.integers(-1, 3), MS, MS, st.booleans()),
        st.builds(events.file_restored, id=ids),
        st.builds(events.file_purged, id=ids),
    )


STEPS = st.lists(st.builds(Step, st.sampled_from(["x", "y", "z"]), events_of(ANYTHING)), max_size=30)


def in_a_state(steps: list[Step], own: str, batch: int) -> State:
    """The state of a client that has made its own steps offline, and then hears of all, some at a time."""
    state = State(FILE_SCHEMA)
    mine = [step for step in steps if step.client == own]
    pending = [
        LocalEntry(n, LocalEvent(step.event.definition.name, step.event.args, own, "s", synced=True))
        for n, step in enumerate(mine, 1)
    ]
    state.apply(LogDelta(Position(1, 0, len(pending)), [], pending))
    numbers = iter(range(1, len(mine) + 1))
    log = [
        ConfirmedEntry(
            Event(step.event.definition.name, step.event.args, n, n - 1, step.client, "s"),
            next(numbers) if step.client == own else None,
        )
        for n, step in enumerate(steps, 1)
    ]
    for start in range(0, len(log), batch):
        part = log[start : start + batch]
        state.apply(LogDelta(Position(1, part[-1].event.seq_num, len(pending)), part, []))
    return state


def tables_of(state: State) -> list[Any]:
    tables = [table.quoted for table in FILE_SCHEMA.tables.values() if not table.client_only]
    return [sorted(state.query(f"SELECT * FROM {table}")[1], key=repr) for table in tables]


def holds_for(examples: int, *strategies: st.SearchStrategy[Any], check: Callable[..., None]) -> None:
    """Check so many examples, never the same."""
    print(f"VERSIONS_SEED={SEED}")
    seed(SEED)(settings(max_examples=examples, deadline=None)(given(*strategies)(check)))()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_all_clients_have_the_same_versions_whatever_they_did_offline(examples: int) -> None:
    holds_for(examples, STEPS, st.integers(1, 5), check=all_have_the_same)


def all_have_the_same(steps: list[Step], batch: int) -> None:
    states = [in_a_state(steps, own, batch) for own in ("x", "y", "nobody")]
    try:
        assert tables_of(states[0]) == tables_of(states[1]) == tables_of(states[2])
    finally:
        for state in states:
            state.close()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_the_tables_follow_the_rules_and_no_event_fails(examples: int) -> None:
    holds_for(examples, STEPS, check=the_rules_are_followed)


def the_rules_are_followed(steps: list[Step]) -> None:
    note("\n".join(f"{step.client} {step.event.definition.name} {step.event.args}" for step in steps))
    expected = by_the_rules(steps)
    state = in_a_state(steps, "nobody", 7)
    try:
        assert not state._skipped, "an event has failed"
        rows = state.query(FILES.tables.file_versions.order_by("file_id", "number").sql)[1]
        found = [FILES.tables.file_versions.decode(row) for row in rows]
        assert found == [v for file_id in sorted(expected) for v in expected[file_id].versions]
        deleted = state.query('SELECT "id", "deletedAt" FROM "files"')[1]
        assert dict(deleted) == {file_id: h.record.deleted_at for file_id, h in expected.items()}
    finally:
        state.close()


def by_the_rules(steps: list[Step]) -> dict[str, History]:
    """The histories that `core.histories` makes of the steps, from all contents of each file."""
    policy = VersionPolicy()
    found: dict[str, History] = {}
    for step in steps:
        definition = step.event.definition
        args = definition.decode(step.event.args)
        if definition.name == "v1.FileVersionPolicySet":
            keep, trash = ((None if ms is None else max(0, ms) / DAY) for ms in (args.keep_ms, args.trash_ms))
            last = None if args.keep_last is None else max(0, args.keep_last)
            policy = VersionPolicy(last, keep, trash, args.edit_revives)
        elif definition.name == "v1.FileCreated":
            content_hash, times = _usable(args.content_hash), (args.created_at, args.updated_at)
            made = FileRecord(args.id, "", "", content_hash, "{}", *times)
            found.setdefault(args.id, histories.created(made, step.client))
        elif args.id in found:
            found[args.id] = _after(found[args.id], definition.name, args, step.client, policy)
    return found


def _after(history: History, name: str, args: Any, client: str, policy: VersionPolicy) -> History:
    """The history after one event."""
    changes: dict[str, Callable[[], History]] = {
        "v1.FileUpdated": lambda: histories.edited(history, _edited(history.record, args), client),
        "v1.FileDeleted": lambda: histories.deleted(history, args.deleted_at),
        "v1.FileVersionBase": lambda: histories.based(
            history, args.content_hash, args.base_hash, client, policy
        ),
        "v1.FileVersionStored": lambda: histories.stored(history, args.content_hash, args.remote_key),
        "v1.FileVersionResolved": lambda: histories.resolved(history, args.content_hash),
        "v1.FileRestored": lambda: histories.restored(history),
        "v1.FilePurged": lambda: histories.purged(history),
    }
    return changes[name]()


def _edited(record: FileRecord, args: Any) -> FileRecord:
    return replace(
        record,
        content_hash=_usable(args.content_hash),
        remote_key=args.remote_key,
        metadata_json=args.get("metadata_json", record.metadata_json),
        updated_at=args.updated_at,
    )


def _usable(content_hash: str) -> str:
    return content_hash if is_content_hash(content_hash) else ""


# --- the policy


def edit(content: str, base: str, at: int) -> list[NewEvent]:
    return [
        updated("f", content, at),
        FILES.events.file_version_base(id="f", content_hash=content, base_hash=base),
    ]


A_CONTENT = st.sampled_from(CONTENTS)
EDIT = st.builds(edit, A_CONTENT, A_CONTENT, st.integers(0, 30))
CHANGES = st.one_of(EDIT, EDIT, EDIT, st.lists(events_of(A_CONTENT), min_size=1, max_size=3))


@pytest.mark.parametrize("examples", EXAMPLES)
def test_what_may_be_removed_is_exactly_what_the_policy_says(examples: int) -> None:
    changes = st.lists(CHANGES, max_size=12).map(
        lambda changes: [event for some in changes for event in some]
    )
    policies = st.builds(policy_set, st.none() | st.integers(0, 3), MS, MS, st.booleans())
    holds_for(examples, changes, policies, st.integers(0, 60), check=the_policy_is_followed)


def the_policy_is_followed(events: list[NewEvent], policy: NewEvent, now: int) -> None:
    note("\n".join(f"{event.definition.name} {event.args}" for event in events))
    asyncio.run(check_policy([created("f", CONTENTS[0], 0), *events, policy], now))


async def check_policy(events: list[NewEvent], now: int) -> None:
    device = Device()
    store = await device.tab(schema=FILE_SCHEMA)
    try:
        for event in events:
            await store.commit(event)
        tables = FileSyncTables(store, _ClockAt(now))
        versions: dict[str, list[StoredVersion]] = {}
        for version in store.query(FILES.tables.file_versions.order_by("file_id", "number")):
            versions.setdefault(version.file_id, []).append(version)
        records = {record.id: record for record in store.query(FILES.tables.files)}
        policy, needed = tables.policy, set()
        for file_id, record in records.items():
            kept = {c for c in CONTENTS if is_kept(c, record, versions[file_id], policy, now)}
            needed |= kept | ({record.content_hash} if record.deleted_at is None else set())
            for content in CONTENTS:
                found = tables.record(version_id(file_id, content))
                is_of_version = content in kept and content != record.content_hash
                assert (found is not None and found.is_live) is is_of_version, (file_id, content)
        assert {content for content in CONTENTS if tables.needs(content)} == needed
    finally:
        await store.close()


def is_kept(
    content: str, record: FileRecord, versions: list[StoredVersion], policy: VersionPolicy, now: int
) -> bool:
    """What the policy says in words, for a content that is not a live file's."""
    trash, days = (None if d is None else d * DAY for d in (policy.trash_days, policy.keep_days))
    if record.deleted_at is not None:
        is_over = trash is not None and (
            not trash or now >= max(record.deleted_at, record.updated_at) + trash
        )
        if is_over or versions[-1].is_purged:
            return False
    if content == record.content_hash:
        return record.deleted_at is not None
    newest = next((v for v in reversed(versions) if v.content_hash == content), None)
    if newest is None or newest.is_purged or newest.ended_at is None:
        return False
    if days is not None and (not days or now >= newest.ended_at + days):
        return False
    if newest.conflict is not Conflict.NONE or policy.keep_last is None:
        return True
    last_of = {v.content_hash: v for v in versions if v.content_hash != record.content_hash}
    younger = [
        v
        for v in last_of.values()
        if v.number > newest.number and not v.is_purged and v.conflict is Conflict.NONE
    ]
    return len(younger) < policy.keep_last


class _ClockAt:
    def __init__(self, now: int) -> None:
        self._now = now

    def time(self) -> float:
        return self._now / 1000

    def monotonic(self) -> float:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("keep_last", [0, 1, 2, 10, None])
async def test_a_file_that_is_saved_very_often_keeps_its_newest_contents(keep_last: int | None) -> None:
    device = Device()
    store = await device.tab(schema=FILE_SCHEMA)
    contents = [f"{n:064x}" for n in range(50)]
    await store.commit(created("f", contents[0], 0), policy_set(keep_last, None, None, True))
    for before, after in pairwise(contents):
        base = FILES.events.file_version_base(id="f", content_hash=after, base_hash=before)
        await store.commit(updated("f", after, 1), base)
    tables = FileSyncTables(store, device.clock)
    kept = [content for content in contents if tables.needs(content)]
    assert kept == contents[-1 - (49 if keep_last is None else keep_last) :]
    await store.close()
