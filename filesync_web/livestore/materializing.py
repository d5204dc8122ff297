"""What events do to the tables: the statements that their materializers make of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filesync_web.livestore.messages import Json
from filesync_web.livestore.schema import Context, EventDef, Schema
from filesync_web.livestore.statements import Params, StatementChecker
from filesync_web.livestore.tables import Statement


class Materializing:
    """Makes the statements of events. A new event is tried before it is in the log and applied afterwards:
    what was made of it the first time holds the second time too, unless it came of what the tables said."""

    def __init__(self, schema: Schema, db: sqlite3.Connection, checker: StatementChecker) -> None:
        self._schema = schema
        self._db = db
        self._checker = checker
        self._is_rehearsing = False
        self._rehearsed: dict[tuple[str, ...], list[Statement]] = {}

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is made inside is made for events that are applied soon, or never."""
        self._rehearsed.clear()
        self._is_rehearsing = True
        try:
            yield
        finally:
            self._is_rehearsing = False

    def statements(
        self, definition: EventDef, wire: Json, client_id: str, session_id: str
    ) -> list[Statement]:
        """What an event does, in order. Raises `SchemaError`, or whatever the app's function raises."""
        if not (self._is_rehearsing or self._rehearsed):  # as for all that comes from elsewhere
            return self._made(definition, wire, client_id, session_id)[0]
        # The log hands out copies of its arguments; and equal ones need not be the same: 1, 1.0 and True.
        event = (definition.name, client_id, session_id, repr(wire))
        known = None if self._is_rehearsing else self._rehearsed.pop(event, None)
        if known is not None:
            return known
        made, has_asked = self._made(definition, wire, client_id, session_id)
        if self._is_rehearsing and not has_asked:
            self._rehearsed[event] = made
        return made

    def _made(
        self, definition: EventDef, wire: Json, client_id: str, session_id: str
    ) -> tuple[list[Statement], bool]:
        """The statements of an event, and whether they came of what the tables said."""
        args = definition.decode(wire)
        materializer = self._schema.materializers[definition.name]
        if not callable(materializer):
            texts = [materializer] if isinstance(materializer, str) else materializer
            return [Statement(text, definition.sql_params(args)) for text in texts], False
        asking = _Asking(self._db, self._checker, definition)
        produced = materializer(args, Context(asking.query, definition.name, client_id, session_id))
        if isinstance(produced, Statement):
            produced = [produced]
        return list(produced or ()), asking.has_asked


class _Asking:
    """The way in which one materializer may ask the tables."""

    def __init__(self, db: sqlite3.Connection, checker: StatementChecker, definition: EventDef) -> None:
        self._db = db
        self._checker = checker
        self._synced = definition.synced
        self.has_asked = False

    def query(self, sql: str, params: Params = ()) -> list[Any]:
        self.has_asked = True
        self._checker.check_materializer(sql, params, synced=self._synced)
        self._checker.check_query(sql, params)
        return self._db.execute(sql, params).fetchall()
