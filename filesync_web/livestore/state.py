"""The state: an SQLite database, a function of the event log.

The base (confirmed events, client-only events) is committed, together with the position in the log that it
stands for; so it may be kept from one start to the next. Pending events are applied on top inside an open
transaction, the tail; when confirmed events arrive that others have made, the tail is rolled back, they are
applied, and what is still pending is applied again. What has *settled* during the tail (client-only events,
and own events that were confirmed in their order) stays in it until then, and is applied again before what
arrived: the two kinds touch different tables (`statements`), so their order does not matter.

An event that the schema does not know, that is ill-typed, or whose materializer fails, has no effect, on this
client as on every other with the same schema; it stays in the log.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SchemaError, StoreError
from filesync_web.livestore.materializing import Materializing
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import (
    DISCARDED,
    START,
    ConfirmedEntry,
    LocalEntry,
    LocalEvent,
    LogDelta,
    Position,
)
from filesync_web.livestore.schema import EventDef, NewEvent, Schema
from filesync_web.livestore.state_file import is_storage_failure
from filesync_web.livestore.statements import Params, StatementChecker
from filesync_web.livestore.tables import Statement
from filesync_web.livestore.wire import to_json

logger = logging.getLogger(__name__)

_LOGGED_SKIPS = 100
_VERSIONS = (
    0,
    1,
)  # of the file's format: which can be read, the last is written; 0 is one that is not marked
_FACTS = """CREATE TABLE IF NOT EXISTS "$state" (
  one INTEGER PRIMARY KEY CHECK (one = 1), schemaHash TEXT NOT NULL, epoch INTEGER NOT NULL,
  confirmed INTEGER NOT NULL, local INTEGER NOT NULL
)"""
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"

_Entry = ConfirmedEntry | LocalEntry


@dataclass(frozen=True, slots=True)
class Change:
    """What a batch did: `tables` that may have changed; `events`, as (name, args), that were applied,
    applied again, taken back or confirmed."""

    tables: set[str]
    events: list[tuple[str, Json]]


class StateFailedError(StoreError):
    """SQLite could not read or write the state; nothing is wrong with the log. `is_full`: there was no room,
    and what is committed is whole."""

    def __init__(self, message: str, *, is_full: bool = False) -> None:
        super().__init__(message)
        self.is_full = is_full


class State:
    """The tables of one tab or process. Not for use by several threads at once.

    Calls raise `StateFailedError` when the database cannot be used. Then `close` this one and begin with
    another; when there was no room, `fall_back` does.
    """

    def __init__(self, schema: Schema, db: sqlite3.Connection | None = None) -> None:
        """Begin with what is committed in `db`, which is this object's from now on, when that was made with
        this schema, else empty. Without `db`: in memory.
        """
        self.schema = schema
        self._db = db or sqlite3.connect(":memory:", isolation_level=None)
        self._checker = StatementChecker(schema)
        self._materializing = Materializing(schema, self._db, self._checker)
        self._skipped: set[tuple[str, str]] = set()
        self.pending: list[LocalEntry] = []
        self.void: list[LocalEntry] = []  # pending entries whose condition no longer holds
        self._settled: list[_Entry] = []  # what belongs to the base, but is in the tail
        self._tail_tables: set[str] = set()  # the tables that the tail has changed
        self.rebases = 0  # how often pending events were applied again, on top of others
        self._may_commit = True
        self._is_open = True
        try:
            with _storage():
                self.position = self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> Position:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        self._db.execute(_FACTS)
        facts = self._db.execute('SELECT schemaHash, epoch, confirmed, local FROM "$state"').fetchone()
        if facts is None or facts[0] != self.schema.hash or version not in _VERSIONS:
            return self._begin_anew()
        return Position(*facts[1:])

    def _begin_anew(self) -> Position:
        self._roll_back()
        self._db.execute("BEGIN")
        for (name,) in self._db.execute(_TABLES).fetchall():
            self._db.execute(f'DROP TABLE "{name}"')
        for statement in (_FACTS, *self.schema.ddl(), f"PRAGMA user_version = {_VERSIONS[-1]}"):
            self._db.execute(statement)
        self.position = START
        self._commit()
        return START

    def fall_back(self) -> None:
        """Go back to what is committed, after a failure: what came since has to be applied again. From now on
        the base stays in memory, in the open transaction, until `settle` is called.
        """
        with _storage():
            self._roll_back()
            self._may_commit = False
            self.position = self._load()

    def close(self) -> None:
        """Let go of the database; the state cannot be used any more."""
        self._is_open = False
        self._db.close()
        self._checker.close()

    # --- reading --------------------------------------------------------------------------------------------

    def query(self, sql: str, params: Params = ()) -> tuple[list[str], list[Any]]:
        """The column names and rows of a query; raises `SchemaError` when it would change something."""
        if not self._is_open:
            raise StateFailedError("the state is closed")
        self._checker.check_query(sql, params)
        with _storage():
            cursor = self._db.execute(sql, params)
            return [column[0] for column in cursor.description], cursor.fetchall()

    def tables_of(self, sql: str, params: Params = ()) -> frozenset[str]:
        """The tables that a query reads."""
        return self._checker.check_query(sql, params).reads

    def everything(self) -> Change:
        """The change of a state that was made anew: any table may be another one."""
        return Change({table.name for table in self.schema.tables.values()}, [])

    def settle(self) -> None:
        """Commit all that belongs to the base, also while events are pending."""
        settled, pending = self._settled, self.pending
        self._may_commit = True
        if settled:
            with _storage():
                self._roll_back()
                self._extend(settled, pending)

    # --- writing --------------------------------------------------------------------------------------------

    def rehearse(
        self, commits: Iterable[Sequence[NewEvent]], client_id: str, session_id: str
    ) -> list[list[bool] | Exception]:
        """Apply new commits, each on top of those before it, and take all back. For each: which of its events
        count, as far as their conditions go, or the error for which it cannot be (`SchemaError` when a
        materializer fails)."""
        with _storage(), self._taken_back("rehearsal"), self._materializing.rehearsal():
            return [self._rehearse(events, client_id, session_id) for events in commits]

    def _rehearse(
        self, events: Sequence[NewEvent], client_id: str, session_id: str
    ) -> list[bool] | Exception:
        self._db.execute("SAVEPOINT one")
        try:
            return [self._try(event, client_id, session_id) for event in events]
        except Exception as error:  # whatever a materializer raises
            if is_storage_failure(error):
                raise
            self._db.execute("ROLLBACK TO one")
            return error
        finally:
            if self._db.in_transaction:  # it has ended when the storage failed
                self._db.execute("RELEASE one")

    @contextmanager
    def _taken_back(self, name: str) -> Iterator[None]:
        """Take back what is done inside."""
        self._db.execute(f"SAVEPOINT {name}")
        try:
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute(f"ROLLBACK TO {name}")
                self._db.execute(f"RELEASE {name}")

    def _try(self, event: NewEvent, client_id: str, session_id: str) -> bool:
        """Apply one new event if its condition holds; whether it does."""
        if event.condition is not None and not self._holds(event.condition.sql, event.condition.params):
            return False
        self._materialize(event.definition, event.args, client_id, session_id)
        return True

    def _holds(self, sql: str, params: Params) -> bool:
        """Whether a condition holds: its query has a row, and is still one of the schema."""
        try:
            return self._db.execute(f"SELECT 1 WHERE EXISTS ({sql})", params).fetchone() is not None
        except sqlite3.Error as error:
            if is_storage_failure(error):
                raise
            logger.warning("a pending event is dropped, its condition cannot be asked: %s", error)
            return False

    def apply(self, delta: LogDelta) -> Change:
        """Take over what happened in the log.

        What arrives belongs below what is pending, and SQLite cannot insert below: so the tail is rolled
        back, the base grows, and what is still pending is applied again. Two kinds of arrivals need none of
        that, as the tables are the same afterwards: our own oldest pending events, confirmed in their order,
        and client-only events, which touch other tables. They stay in the tail as *settled*; else a long
        queue of offline edits would be applied again for each batch of it that is pushed.
        """
        with _storage():
            return self._apply_delta(delta)

    def _apply_delta(self, delta: LogDelta) -> Change:
        changed: set[str] = set()
        if delta.position.epoch != self.position.epoch:
            if self.position != START:  # else it is empty
                self._begin_anew()
            changed.update(table.name for table in self.schema.tables.values())
        marks = [e for e in delta.local if e.event.name == DISCARDED and not e.event.synced]
        discarded = {id_ for mark in marks for id_ in mark.event.args}
        gone = discarded.union(entry.local_id for entry in delta.confirmed)
        newest = self.pending[-1].id if self.pending else 0
        local = [e for e in delta.local if not e.event.synced and e.event.name != DISCARDED]
        added = [e for e in delta.local if e.event.synced and e.id not in gone and e.id > newest]
        touched = _events(delta.confirmed, local, added)
        own = self.pending[: len(delta.confirmed)]
        settled: list[_Entry] = [*local]
        if _are_as_applied(delta.confirmed, own) and not self._waits(discarded):
            self._settled += delta.confirmed  # what they do is done already
            del self.pending[: len(own)]
        else:
            self.rebases += bool(self.pending)
            touched += _events(self.pending)
            added = [entry for entry in self.pending if entry.id not in gone] + added
            changed |= self._tail_tables
            settled = [*self._settled, *delta.confirmed, *local]
            self._roll_back()
        self.position = delta.position
        changed |= self._extend(settled, added)
        return Change(changed, touched)

    def _waits(self, ids: set[int]) -> bool:
        """Whether one of these entries is pending."""
        return bool(ids) and any(entry.id in ids for entry in self.pending)

    def _extend(self, settled: Sequence[_Entry], added: Sequence[LocalEntry]) -> set[str]:
        """Apply what belongs to the base, then what is pending; returns the tables that were changed."""
        changed: set[str] = set()
        if settled and not self._db.in_transaction:
            self._db.execute("BEGIN")
        for entry in settled:
            changed |= self._apply_entry(entry)
        self._settled += settled
        if not self.pending:
            self._commit()
            if added and not self._db.in_transaction:
                self._db.execute("BEGIN")
        for pending in added:
            condition = pending.event.only_if
            if condition is None or self._holds(*condition):
                changed |= self._apply_entry(pending)
                self.pending.append(pending)
            else:
                self.void.append(pending)
        if self.pending:
            self._tail_tables |= changed
        else:
            self._commit()
        return changed

    def _commit(self) -> None:
        """Commit the open transaction, if there is one: nothing in it is pending."""
        if not self._may_commit:
            return
        if self._db.in_transaction:
            position = self.position
            facts = (self.schema.hash, position.epoch, position.confirmed, position.local)
            self._db.execute('REPLACE INTO "$state" VALUES (1, ?, ?, ?, ?)', facts)
            self._db.execute("COMMIT")
        self._settled, self._tail_tables = [], set()

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self.pending, self._settled, self._tail_tables = [], [], set()

    def _apply_entry(self, entry: _Entry) -> set[str]:
        event = entry.event
        synced = not isinstance(event, LocalEvent) or event.synced
        return self._apply_event(event.name, event.args, event.client_id, event.session_id, synced=synced)

    def _apply_event(
        self, name: str, args: Json, client_id: str, session_id: str, *, synced: bool
    ) -> set[str]:
        """The tables that the event changed: none when it cannot be applied."""
        definition = self.schema.by_wire_name.get(name)
        if definition is None or definition.synced != synced:
            self._skip(name, "the schema has no such event")
            return set()
        try:
            return self._materialize(definition, args, client_id, session_id)
        except SchemaError as error:
            self._skip(name, str(error))
            return set()

    def _skip(self, name: str, reason: str) -> None:
        if (name, reason) not in self._skipped and len(self._skipped) < _LOGGED_SKIPS:
            self._skipped.add((name, reason))
            logger.warning("event %s has no effect here: %s", name, reason)

    def _materialize(self, definition: EventDef, wire: Json, client_id: str, session_id: str) -> set[str]:
        """Run the event's statements, all or none; raises `SchemaError`."""
        try:
            statements = self._materializing.statements(definition, wire, client_id, session_id)
            if len(statements) == 1:
                return self._execute(statements[0], synced=definition.synced)
            self._db.execute("SAVEPOINT event")
            try:
                return set().union(*(self._execute(one, synced=definition.synced) for one in statements))
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK TO event")
                raise
            finally:
                if self._db.in_transaction:
                    self._db.execute("RELEASE event")
        except SchemaError:
            raise
        except Exception as error:  # an app's function may raise anything
            if is_storage_failure(error):
                raise
            raise SchemaError(f"the materializer of {definition.name} failed: {error!r}") from error

    def _execute(self, statement: Statement, *, synced: bool) -> set[str]:
        access = self._checker.check_materializer(statement.sql, statement.params, synced=synced)
        cursor = self._db.execute(statement.sql, statement.params)
        return set(access.writes) if cursor.rowcount else set()


@contextmanager
def _storage() -> Iterator[None]:
    """Tell what the storage does wrong from what a statement does wrong."""
    try:
        yield
    except sqlite3.Error as error:
        if is_storage_failure(error):
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            message = f"the database of the state cannot be used: {error}"
            raise StateFailedError(message, is_full=is_full) from error
        raise


def _events(*entries: Iterable[ConfirmedEntry | LocalEntry]) -> list[tuple[str, Json]]:
    return [(entry.event.name, entry.event.args) for some in entries for entry in some]


def _are_as_applied(confirmed: Sequence[ConfirmedEntry], pending: Sequence[LocalEntry]) -> bool:
    """Whether these are the oldest pending entries, confirmed in their order and to the letter: a backend may
    have changed how a value is written, and then all clients have to apply what it says."""
    return [e.local_id for e in confirmed] == [e.id for e in pending] and all(
        to_json(one.event.args) == to_json(other.event.args)
        for one, other in zip(confirmed, pending, strict=True)
    )
