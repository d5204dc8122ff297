"""The state: SQLite in memory, a function of the event log.

The base (confirmed events, client-only events) is committed. Pending events are applied on top inside an open
transaction, the tail; when confirmed events arrive, the tail is rolled back, they are applied, and what is
still pending is applied again. Client-only events that were applied during the tail are applied again before
the confirmed ones: the two kinds touch different tables (`statements`), so their order does not matter.

An event that the schema does not know, that is ill-typed, or whose materializer fails, has no effect, on this
client as on every other with the same schema; it stays in the log.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from filesync_web.errors import SchemaError
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import DISCARDED, START, ConfirmedEntry, LocalEntry, LogDelta, Snapshot
from filesync_web.livestore.schema import Context, EventDef, NewEvent, Schema
from filesync_web.livestore.statements import Params, StatementChecker
from filesync_web.livestore.tables import Statement

logger = logging.getLogger(__name__)

_LOGGED_SKIPS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What a batch did: `tables` that may have changed; `events`, as (name, args), that were applied,
    applied again or taken back."""

    tables: set[str]
    events: list[tuple[str, Json]]


class State:
    """The tables of one tab or process. Not for use by several threads at once."""

    def __init__(self, schema: Schema, snapshot: Snapshot | None = None) -> None:
        """Begin with `snapshot` when it was made with this schema, else empty."""
        self.schema = schema
        self._checker = StatementChecker(schema)
        self._skipped: set[tuple[str, str]] = set()
        self._begin(snapshot if snapshot and snapshot.schema_hash == schema.hash else None)

    def _begin(self, snapshot: Snapshot | None) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self.position = snapshot.position if snapshot else START
        self.pending: list[LocalEntry] = []
        self.void: list[int] = []  # pending entries whose condition no longer holds
        self._tail_local: list[LocalEntry] = []  # client-only entries that were applied during the tail
        self._tail_tables: set[str] = set()  # the tables that the tail has changed
        if snapshot is not None:
            self._db.deserialize(snapshot.data)
        else:
            for statement in self.schema.ddl():
                self._db.execute(statement)

    def close(self) -> None:
        """Free the memory; the state cannot be used any more."""
        self._db.close()
        self._checker.close()

    # --- reading --------------------------------------------------------------------------------------------

    def query(self, sql: str, params: Params = ()) -> tuple[list[str], list[Any]]:
        """The column names and rows of a query; raises `SchemaError` when it would change something."""
        self._checker.check_query(sql, params)
        cursor = self._db.execute(sql, params)
        return [column[0] for column in cursor.description], cursor.fetchall()

    def tables_of(self, sql: str, params: Params = ()) -> frozenset[str]:
        """The tables that a query reads."""
        return self._checker.check_query(sql, params).reads

    def snapshot(self) -> Snapshot:
        """The base, to begin from at the next start."""
        pending, local = self.pending, self._tail_local
        self._roll_back()
        self._extend_base(local, set())
        data = self._db.serialize()
        self._extend_tail(pending, [], set())
        return Snapshot(self.schema.hash, self.position, data)

    # --- writing --------------------------------------------------------------------------------------------

    def rehearse(self, events: Iterable[NewEvent], client_id: str, session_id: str) -> list[bool]:
        """Apply new events and take them back; returns which of them count, as far as their conditions go.
        Raises `SchemaError` when a materializer fails."""
        counts = []
        self._db.execute("SAVEPOINT rehearsal")
        try:
            for event in events:
                counts.append(
                    event.condition is None or self._holds(event.condition.sql, event.condition.params)
                )
                if counts[-1]:
                    self._materialize(event.definition, event.args, client_id, session_id)
            return counts
        finally:
            self._db.execute("ROLLBACK TO rehearsal")
            self._db.execute("RELEASE rehearsal")

    def _holds(self, sql: str, params: Params) -> bool:
        """Whether a condition holds: its query has a row, and is still one of the schema."""
        try:
            return self._db.execute(f"SELECT 1 WHERE EXISTS ({sql})", params).fetchone() is not None
        except sqlite3.Error as error:
            logger.warning("a pending event is dropped, its condition cannot be asked: %s", error)
            return False

    def apply(self, delta: LogDelta) -> Change:
        """Take over what happened in the log."""
        changed: set[str] = set()
        if delta.position.epoch != self.position.epoch:
            self._db.close()
            self._begin(None)
            changed.update(table.name for table in self.schema.tables.values())
        discarded = {id_ for e in delta.local if e.event.name == DISCARDED for id_ in e.event.args}
        gone = discarded.union(entry.local_id for entry in delta.confirmed)
        known = {entry.id for entry in self.pending}
        local = [e for e in delta.local if not e.event.synced and e.event.name != DISCARDED]
        pending = [e for e in delta.local if e.event.synced and e.id not in gone and e.id not in known]
        touched = _events(delta.confirmed, local, pending)
        if self.pending and [e.local_id for e in delta.confirmed] == [e.id for e in self.pending]:
            self._commit_tail()
        elif delta.confirmed or gone & known:
            touched += _events(self.pending)
            pending = [entry for entry in self.pending if entry.id not in gone] + pending
            local = self._tail_local + local
            changed |= self._tail_tables
            self._roll_back()
            self._db.execute("BEGIN")
            for confirmed in delta.confirmed:
                event = confirmed.event
                changed |= self._apply(event.name, event.args, event.client_id, event.session_id, synced=True)
            self._db.execute("COMMIT")
        if self.pending:
            self._extend_tail(pending, local, changed)
        else:
            self._extend_base(local, changed)
            self._extend_tail(pending, [], changed)
        self.position = delta.position
        return Change(changed, touched)

    def _extend_base(self, local: Sequence[LocalEntry], changed: set[str]) -> None:
        self._db.execute("BEGIN")
        for entry in local:
            changed |= self._apply_local(entry)
        self._db.execute("COMMIT")

    def _extend_tail(self, pending: list[LocalEntry], local: list[LocalEntry], changed: set[str]) -> None:
        if pending and not self.pending:
            self._db.execute("BEGIN")
        fresh: set[str] = set()
        for entry in local:
            fresh |= self._apply_local(entry)
        held: list[LocalEntry] = []
        for entry in pending:
            condition = entry.event.only_if
            if condition is None or self._holds(*condition):
                fresh |= self._apply_local(entry)
                held.append(entry)
            else:
                self.void.append(entry.id)
        if pending and not self.pending and not held:
            self._db.execute("COMMIT")
        self.pending += held
        self._tail_local += local
        self._tail_tables |= fresh
        changed |= fresh

    def _commit_tail(self) -> None:
        self._db.execute("COMMIT")
        self.pending, self._tail_local, self._tail_tables = [], [], set()

    def _roll_back(self) -> None:
        if self.pending:
            self._db.execute("ROLLBACK")
        self.pending, self._tail_local, self._tail_tables = [], [], set()

    def _apply_local(self, entry: LocalEntry) -> set[str]:
        event = entry.event
        return self._apply(event.name, event.args, event.client_id, event.session_id, synced=event.synced)

    def _apply(self, name: str, args: Json, client_id: str, session_id: str, *, synced: bool) -> set[str]:
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
            statements = self._statements(definition, wire, client_id, session_id)
            if len(statements) == 1:
                return self._execute(statements[0], synced=definition.synced)
            self._db.execute("SAVEPOINT event")
            try:
                return set().union(*(self._execute(one, synced=definition.synced) for one in statements))
            except BaseException:
                self._db.execute("ROLLBACK TO event")
                raise
            finally:
                self._db.execute("RELEASE event")
        except SchemaError:
            raise
        except Exception as error:  # an app's function may raise anything
            raise SchemaError(f"the materializer of {definition.name} failed: {error!r}") from error

    def _statements(
        self, definition: EventDef, wire: Json, client_id: str, session_id: str
    ) -> list[Statement]:
        args = definition.decode(wire)
        materializer = self.schema.materializers[definition.name]
        if callable(materializer):

            def query(sql: str, params: Params = ()) -> list[Any]:
                self._checker.check_materializer(sql, params, synced=definition.synced)
                self._checker.check_query(sql, params)
                return self._db.execute(sql, params).fetchall()

            produced = materializer(args, Context(query, definition.name, client_id, session_id))
            if produced is None:
                return []
            return [produced] if isinstance(produced, Statement) else list(produced)
        texts = [materializer] if isinstance(materializer, str) else materializer
        return [Statement(text, definition.sql_params(args)) for text in texts]

    def _execute(self, statement: Statement, *, synced: bool) -> set[str]:
        access = self._checker.check_materializer(statement.sql, statement.params, synced=synced)
        cursor = self._db.execute(statement.sql, statement.params)
        return set(access.writes) if cursor.rowcount else set()


def _events(*entries: Iterable[ConfirmedEntry | LocalEntry]) -> list[tuple[str, Json]]:
    return [(entry.event.name, entry.event.args) for some in entries for entry in some]
