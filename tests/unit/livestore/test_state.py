"""The state as a function of the log: base and tail, rebase, skipped events, the halves, the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from filesync_web.errors import SchemaError
from filesync_web.livestore import fields as f
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import (
    DISCARDED,
    START,
    ConfirmedEntry,
    LocalEntry,
    LocalEvent,
    LogDelta,
    Position,
)
from filesync_web.livestore.schema import NewEvent, Schema, event, make_schema
from filesync_web.livestore.state import State
from filesync_web.livestore.state_file import connect_alone
from filesync_web.livestore.tables import Statement, table
from tests.unit.livestore.support import (
    FILE_SCHEMA,
    FILES,
    NOTES,
    draft_set,
    note_added,
    note_changed,
    note_liked,
)


def entry(id_: int, new: NewEvent) -> LocalEntry:
    definition = new.definition
    return LocalEntry(id_, LocalEvent(definition.name, new.args, "c", "s", definition.synced))


def confirmed(seq_num: int, new: NewEvent, local_id: int | None = None) -> ConfirmedEntry:
    return ConfirmedEntry(Event(new.definition.name, new.args, seq_num, seq_num - 1, "c", "s"), local_id)


class Log:
    """Makes deltas for one state, as a log would."""

    def __init__(self, schema: Schema = NOTES, state: State | None = None) -> None:
        self.state = state or State(schema)
        self.position = Position(1, 0, 0)
        self.state.apply(LogDelta(self.position))

    def take(
        self, *, confirmed: list[ConfirmedEntry] | None = None, local: list[LocalEntry] | None = None
    ) -> Any:
        confirmed, local = confirmed or [], local or []
        head = confirmed[-1].event.seq_num if confirmed else self.position.confirmed
        last = local[-1].id if local else self.position.local
        self.position = Position(1, head, last)
        return self.state.apply(LogDelta(self.position, confirmed, local))

    def rows(self, query: str) -> list[Any]:
        return self.state.query(query)[1]


@pytest.fixture
def log() -> Log:
    return Log()


def test_pending_events_are_seen_at_once_and_rolled_back_for_what_comes_first(log: Log) -> None:
    log.take(confirmed=[confirmed(1, note_added(id="a", body="0"))])
    log.take(local=[entry(1, note_changed(id="a", body="mine")), entry(2, note_liked(id="a"))])
    assert log.rows("SELECT body, likes FROM notes") == [("mine", 1)]
    log.take(confirmed=[confirmed(2, note_changed(id="a", body="theirs")), confirmed(3, note_liked(id="a"))])
    assert log.rows("SELECT body, likes FROM notes") == [("mine", 2)]
    assert [e.id for e in log.state.pending] == [1, 2]


def test_own_events_are_not_applied_twice_when_they_are_confirmed(log: Log) -> None:
    log.take(local=[entry(1, note_added(id="a")), entry(2, note_liked(id="a")), entry(3, note_liked(id="a"))])
    log.take(confirmed=[confirmed(1, note_added(id="a"), 1), confirmed(2, note_liked(id="a"), 2)])
    assert log.rows("SELECT likes FROM notes") == [(2,)]
    assert [e.id for e in log.state.pending] == [3]
    log.take(confirmed=[confirmed(3, note_liked(id="a"), 3)])
    assert log.rows("SELECT likes FROM notes") == [(2,)]
    assert log.state.pending == []


def test_an_event_that_was_appended_and_confirmed_since_is_applied_once(log: Log) -> None:
    log.take(
        confirmed=[confirmed(1, note_added(id="a"), 1), confirmed(2, note_liked(id="a"), 2)],
        local=[entry(3, note_liked(id="a"))],
    )
    assert log.rows("SELECT likes FROM notes") == [(2,)]


def test_client_only_events_survive_a_rebase_however_they_lie(log: Log) -> None:
    log.take(local=[entry(1, draft_set(id="before", body=""))])
    log.take(local=[entry(2, note_added(id="a")), entry(3, draft_set(id="between", body=""))])
    log.take(local=[entry(4, note_liked(id="a")), entry(5, draft_set(id="after", body=""))])
    log.take(confirmed=[confirmed(1, note_added(id="x"))])
    log.take(confirmed=[confirmed(2, note_added(id="a"), 2)], local=[entry(6, draft_set(id="last", body=""))])
    log.take(confirmed=[confirmed(3, note_liked(id="a"), 4)])
    assert [id_ for (id_,) in log.rows("SELECT id FROM drafts ORDER BY rowid")] == [
        "before",
        "between",
        "after",
        "last",
    ]
    assert log.rows("SELECT id, likes FROM notes ORDER BY id") == [("a", 1), ("x", 0)]


def test_a_new_epoch_begins_from_nothing(log: Log) -> None:
    log.take(confirmed=[confirmed(1, note_added(id="old"))], local=[entry(1, note_added(id="pending"))])
    log.state.apply(LogDelta(Position(2, 0, 1), [], [entry(1, note_added(id="pending"))]))
    assert log.rows("SELECT id FROM notes") == [("pending",)]


def reopened(path: Path, schema: Schema = NOTES) -> State:
    """The state that another tab would begin with if `path` were saved now."""
    copy = path.with_name(f"copy-{uuid4().hex}")
    copy.write_bytes(path.read_bytes())
    return State(schema, connect_alone(str(copy)))


def test_the_file_holds_the_base_at_any_time_and_the_tail_at_none(tmp_path: Path) -> None:
    path = tmp_path / "state"
    log = Log(NOTES, State(NOTES, connect_alone(str(path))))
    log.take(confirmed=[confirmed(1, note_added(id="a"))])
    base = log.position
    log.take(local=[entry(1, note_liked(id="a"))])
    log.take(local=[entry(2, draft_set(id="d", body="x"))])
    assert reopened(path).position == base
    assert reopened(path).query("SELECT id FROM drafts")[1] == []
    log.state.settle()
    assert log.rows("SELECT likes FROM notes") == [(1,)]
    again = reopened(path)
    assert again.position == log.position
    assert again.query("SELECT likes FROM notes")[1] == [(0,)]
    assert again.query("SELECT id FROM drafts")[1] == [("d",)]
    again.apply(LogDelta(log.position, [], [entry(1, note_liked(id="a"))]))
    assert again.query("SELECT likes FROM notes")[1] == [(1,)]
    log.take(confirmed=[confirmed(2, note_added(id="b")), confirmed(3, note_liked(id="a"), 1)])
    assert log.rows("SELECT id, likes FROM notes ORDER BY id") == [("a", 1), ("b", 0)]
    assert reopened(path).query("SELECT sum(likes) FROM notes")[1] == [(1,)]
    log.state.close()


def test_own_events_confirmed_in_their_order_settle_without_a_rebase(tmp_path: Path) -> None:
    path = tmp_path / "state"
    log = Log(NOTES, State(NOTES, connect_alone(str(path))))
    log.take(local=[entry(1, note_added(id="a")), entry(2, note_liked(id="a")), entry(3, note_liked(id="a"))])
    log.take(confirmed=[confirmed(1, note_added(id="a"), 1), confirmed(2, note_liked(id="a"), 2)])
    assert [e.id for e in log.state.pending] == [3]
    assert reopened(path).query("SELECT * FROM notes")[1] == []
    log.state.settle()
    assert reopened(path).query("SELECT id, likes FROM notes")[1] == [("a", 1)]
    log.take(confirmed=[confirmed(3, note_changed(id="a", body="theirs"))])
    assert log.rows("SELECT body, likes FROM notes") == [("theirs", 2)]
    assert reopened(path).query("SELECT body, likes FROM notes")[1] == [("theirs", 1)]
    log.take(confirmed=[confirmed(4, note_liked(id="a"), 3)])
    assert reopened(path).query("SELECT body, likes FROM notes")[1] == [("theirs", 2)]
    log.state.close()


def test_a_state_of_another_schema_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "state"
    log = Log(NOTES, State(NOTES, connect_alone(str(path))))
    log.take(confirmed=[confirmed(1, note_added(id="a"))])
    log.state.close()
    state = State(FILE_SCHEMA, connect_alone(str(path)))
    assert state.position == START
    assert state.query("SELECT * FROM files")[1] == []
    state.close()


def test_unknown_and_ill_typed_events_have_no_effect(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    unknown = ConfirmedEntry(Event("v9.Future", {"x": 1}, 1, 0, "c", "s"))
    ill_typed = ConfirmedEntry(Event("v1.NoteAdded", {"id": 1}, 2, 1, "c", "s"))
    not_for_the_wire = ConfirmedEntry(Event("v1.DraftSet", {"id": "a", "body": ""}, 3, 2, "c", "s"))
    log.take(confirmed=[unknown, ill_typed, not_for_the_wire, confirmed(4, note_added(id="a"))])
    assert log.rows("SELECT id FROM notes") == [("a",)]
    assert log.rows("SELECT id FROM drafts") == []
    assert caplog.text.count("has no effect here") == 3


def test_files_of_unknown_ids_and_repeated_creations_change_nothing() -> None:
    log, events = Log(FILE_SCHEMA), FILES.events
    one = events.file_created(
        id="1", path="p", content_hash="h", metadata_json="{}", created_at=1, updated_at=1
    )
    two = events.file_created(id="1", path="other", content_hash="other", created_at=2, updated_at=2)
    update = events.file_updated(id="1", path="q", remote_key="r", content_hash="i", updated_at=3)
    stranger = events.file_updated(id="?", path="q", remote_key="r", content_hash="i", updated_at=3)
    gone = events.file_deleted(id="?", deleted_at=4)
    log.take(confirmed=[confirmed(n, e) for n, e in enumerate([one, two, stranger, gone], 1)])
    assert log.rows("SELECT id, path, metadataJson, remoteKey, deletedAt FROM files") == [
        ("1", "p", "{}", "", None)
    ]
    log.take(confirmed=[confirmed(5, update)])
    assert log.rows("SELECT path, metadataJson, remoteKey FROM files") == [("q", "{}", "r")]
    cleared = events.file_updated(
        id="1", path="q", remote_key="r", content_hash="i", metadata_json=None, updated_at=3
    )
    log.take(confirmed=[confirmed(6, cleared), confirmed(7, events.file_deleted(id="1", deleted_at=9))])
    assert log.rows("SELECT metadataJson, deletedAt FROM files") == [(None, 9)]


# --- materializers ------------------------------------------------------------------------------------------

things = table("things", {"id": f.text(primary_key=True), "n": f.integer(default=0)})
own = table("own", {"id": f.text(primary_key=True)}, client_only=True)


def rehearse(state: State, *events: NewEvent) -> list[bool]:
    """Which events of one commit count; raises what makes it impossible."""
    (outcome,) = state.rehearse([events], "c", "s")
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def state_with(materializer: Any, *, synced: bool = True) -> tuple[State, NewEvent]:
    definition = event(
        "v1.Test", {"id": f.text(default="x"), "n": f.integer(nullable=True, optional=True)}, synced=synced
    )
    schema = make_schema(
        tables={"things": things, "own": own},
        events={"test": definition},
        materializers={"v1.Test": materializer},
    )
    return State(schema), definition()


@pytest.mark.parametrize(
    ("materializer", "message"),
    [
        (lambda _a, _c: own.insert(id="x"), "must not touch table own"),
        (lambda _a, _c: Statement("INSERT INTO things (id) SELECT id FROM own"), "must not touch table own"),
        (lambda _a, _c: Statement("INSERT INTO things (id) VALUES (hex(randomblob(4)))"), "deterministic"),
        (lambda _a, _c: Statement("INSERT INTO things (id) VALUES (CURRENT_TIMESTAMP)"), "deterministic"),
        (lambda _a, _c: Statement("CREATE TABLE more (x)"), "can only select, insert, update and delete"),
        (lambda _a, _c: Statement("VACUUM"), "can only"),
        (lambda _a, _c: Statement("PRAGMA user_version = 5"), "can only"),
        (lambda _a, _c: Statement("COMMIT"), "can only"),
        (lambda _a, _c: Statement("nonsense"), "syntax error"),
        (lambda _a, _c: 1 / 0, "ZeroDivisionError"),
        (lambda _a, ctx: ctx.query("DELETE FROM things"), "cannot change the state"),
        (lambda _a, ctx: ctx.query("SELECT * FROM own"), "must not touch table own"),
        ("INSERT INTO things (id) VALUES (:nope)", "nope"),
    ],
)
def test_a_materializer_that_breaks_the_rules_is_refused(materializer: Any, message: str) -> None:
    state, new = state_with(materializer)
    with pytest.raises(SchemaError, match=message):
        rehearse(state, new)
    state.apply(LogDelta(Position(1, 0, 1), [], [entry(1, new)]))
    assert state.query("SELECT * FROM things")[1] == []


def test_client_only_events_do_not_touch_synced_tables() -> None:
    state, new = state_with(lambda _a, _c: things.insert(id="x"), synced=False)
    with pytest.raises(SchemaError, match="must not touch table things"):
        rehearse(state, new)


def test_a_failing_event_leaves_nothing_behind() -> None:
    state, new = state_with(lambda _a, _c: [things.insert(id="one"), things.insert(id="one")])
    with pytest.raises(SchemaError, match="UNIQUE"):
        rehearse(state, new)
    state.apply(LogDelta(Position(1, 1, 0), [confirmed(1, new)]))
    assert state.query("SELECT * FROM things")[1] == []


def test_a_materializer_may_be_sql_texts_with_the_arguments_by_wire_name() -> None:
    state, new = state_with(["INSERT INTO things (id) VALUES (:id)", "UPDATE things SET n = coalesce(:n, 5)"])
    state.apply(LogDelta(Position(1, 1, 0), [confirmed(1, new)]))
    assert state.query("SELECT id, n FROM things")[1] == [("x", 5)]


def test_a_materializer_may_read_what_was_before() -> None:
    def materialize(args: Any, ctx: Any) -> Any:
        ((count,),) = ctx.query("SELECT count(*) FROM things WHERE id LIKE ?", (f"{args.id}%",))
        return things.insert(id=f"{args.id}{count}-{ctx.client_id}-{ctx.session_id}")

    state, new = state_with(materialize)
    state.apply(LogDelta(Position(1, 2, 0), [confirmed(1, new), confirmed(2, new)]))
    assert [row[0] for row in state.query("SELECT id FROM things")[1]] == ["x0-c-s", "x1-c-s"]


def test_what_a_rehearsal_has_made_of_an_event_is_applied_later() -> None:
    made: list[str] = []

    def materialize(args: Any, _ctx: Any) -> Any:
        made.append(args.id)
        return things.insert(id=f"{args.id}{len(made)}")

    state, new = state_with(materialize)
    rehearse(state, new)
    state.apply(LogDelta(Position(1, 0, 1), [], [entry(1, new)]))
    assert state.query("SELECT id FROM things")[1] == [("x1",)]
    state.apply(LogDelta(Position(1, 0, 2), [], [entry(2, new)]))  # nobody has rehearsed this one
    assert made == ["x", "x"]


def test_what_is_confirmed_as_it_was_applied_is_told_again() -> None:
    """For what is decided only then: which contents are conflicts, and which may go."""
    state, new = state_with(lambda args, _ctx: things.insert(id=args.id))
    state.apply(LogDelta(Position(1, 0, 1), [], [entry(1, new)]))
    change = state.apply(LogDelta(Position(1, 1, 1), [confirmed(1, new, 1)], []))
    assert state.rebases == 0
    assert change.events == [("v1.Test", new.args)]


def test_what_came_of_the_tables_is_made_anew_when_it_is_applied() -> None:
    def materialize(_args: Any, ctx: Any) -> Any:
        ((count,),) = ctx.query("SELECT count(*) FROM things")
        return things.insert(id=str(count))

    state, new = state_with(materialize)
    rehearse(state, new)
    other = replace(new, args={**new.args})
    state.apply(LogDelta(Position(1, 0, 2), [], [entry(1, other), entry(2, new)]))
    assert state.query("SELECT id FROM things ORDER BY id")[1] == [("0",), ("1",)]


def test_a_materializer_may_do_nothing() -> None:
    state, new = state_with([])
    rehearse(state, new)
    state, new = state_with(lambda _a, _c: None)
    rehearse(state, new)


def test_table_valued_functions_are_no_tables() -> None:
    state, new = state_with('INSERT INTO things (id) SELECT value FROM json_each(\'["a","b"]\')')
    rehearse(state, new)
    assert state.query("SELECT value FROM json_each('[1]')")[1] == [(1,)]


def test_queries_cannot_change_anything(log: Log) -> None:
    for text in ("DELETE FROM notes", "INSERT INTO notes (id) VALUES (1)", "COMMIT", "DROP TABLE notes"):
        with pytest.raises(SchemaError, match="commit an event instead"):
            log.state.query(text)


# --- conditions ---------------------------------------------------------------------------------------------


def conditional(id_: int, new: NewEvent, **row: Any) -> LocalEntry:
    condition = NOTES.tables.notes.where(**row)
    event = entry(id_, new.only_if(condition)).event
    return LocalEntry(id_, replace(event, only_if=[condition.sql, list(condition.params)]))


def test_a_pending_event_whose_condition_no_longer_holds_is_void(log: Log) -> None:
    log.take(confirmed=[confirmed(1, note_added(id="a", body="0"))])
    log.take(local=[conditional(1, note_liked(id="a"), id="a", body="0"), entry(2, note_added(id="b"))])
    assert log.rows("SELECT likes FROM notes WHERE id = 'a'") == [(1,)]
    log.take(confirmed=[confirmed(2, note_changed(id="a", body="1"))])
    assert log.rows("SELECT id, likes FROM notes ORDER BY id") == [("a", 0), ("b", 0)]
    assert [entry.id for entry in log.state.void] == [1]
    assert [e.id for e in log.state.pending] == [2]


def test_a_condition_sees_the_pending_events_before_it(log: Log) -> None:
    log.take(local=[entry(1, note_added(id="a")), conditional(2, note_liked(id="a"), id="a")])
    assert log.rows("SELECT likes FROM notes") == [(1,)]
    assert rehearse(log.state, note_liked(id="a").only_if(NOTES.tables.notes.where(id="a"))) == [True]
    assert rehearse(log.state, note_liked(id="a").only_if(NOTES.tables.notes.where(id="b"))) == [False]


def test_what_another_tab_has_discarded_is_dropped_here(log: Log) -> None:
    log.take(local=[entry(1, note_added(id="a")), entry(2, note_liked(id="a"))])
    mark = LocalEntry(3, LocalEvent(DISCARDED, [2], "", "", synced=False))
    change = log.take(local=[mark])
    assert log.rows("SELECT likes FROM notes") == [(0,)]
    assert change.tables == {"notes"}
    assert [e.id for e in log.state.pending] == [1]


def test_a_condition_that_cannot_be_asked_any_more_does_not_hold(log: Log) -> None:
    event = replace(entry(1, note_added(id="a")).event, only_if=["SELECT 1 FROM gone", []])
    log.take(local=[LocalEntry(1, event)])
    assert [entry.id for entry in log.state.void] == [1]


def test_conditions_are_for_synced_events_on_synced_tables() -> None:
    with pytest.raises(SchemaError, match="never rebased"):
        draft_set(id="a", body="").only_if(NOTES.tables.notes.all())
    with pytest.raises(SchemaError, match="client-only table drafts"):
        note_added(id="a").only_if(NOTES.tables.drafts.all())
