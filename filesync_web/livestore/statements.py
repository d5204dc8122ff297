"""What an SQL statement may do: materializers keep to their half of the tables, queries change nothing.

Each text is compiled once, on an empty copy of the tables, with SQLite's authorizer listening; the answer is
kept by text. Works wherever the standard library's `sqlite3` does.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SchemaError
from filesync_web.livestore.schema import Schema

_KEPT = 1000
_CHANGING = frozenset({"random", "randomblob", "current_date", "current_time", "current_timestamp"})
_SESSION = frozenset({"last_insert_rowid", "changes", "total_changes"})

Params = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """The tables that a statement reads and writes, the functions that it calls, and what else it wants."""

    reads: frozenset[str]
    writes: frozenset[str]
    functions: frozenset[str]
    other: frozenset[int]


class StatementChecker:
    """Knows the tables of one schema; keeps what it found out about the last statements."""

    def __init__(self, schema: Schema) -> None:
        self._synced = frozenset(t.name for t in schema.tables.values() if not t.client_only)
        self._client_only = frozenset(t.name for t in schema.tables.values() if t.client_only)
        self._known: OrderedDict[str, Access] = OrderedDict()
        self._seen: list[tuple[int, str | None, str | None]] = []
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for statement in schema.ddl():
            self._db.execute(statement)
        self._db.set_authorizer(self._authorize)

    def close(self) -> None:
        self._db.close()

    def check_query(self, sql: str, params: Params) -> Access:
        """Raises `SchemaError` when `sql` is anything but a query; `sqlite3.Error` when it is no SQL."""
        access = self._access(sql, params)
        if access.writes or access.other:
            raise SchemaError(f"a query cannot change the state, commit an event instead: {sql:.200}")
        return access

    def check_materializer(self, sql: str, params: Params, *, synced: bool) -> Access:
        """Raises `SchemaError` when a statement of a synced or client-only event leaves its half of the
        tables or could differ from client to client.
        """
        access = self._access(sql, params)
        allowed, half = (self._synced, "synced") if synced else (self._client_only, "client-only")
        if foreign := sorted((access.reads | access.writes) - allowed):
            raise SchemaError(
                f"a materializer of a {half} event must not touch table {foreign[0]}: {sql:.200}"
            )
        if impure := sorted(access.functions & (_CHANGING | _SESSION)):
            raise SchemaError(
                f"a materializer must be deterministic, it cannot call {impure[0]}(): {sql:.200}"
            )
        if access.other:
            raise SchemaError(f"a materializer can only select, insert, update and delete: {sql:.200}")
        return access

    def _access(self, sql: str, params: Params) -> Access:
        known = self._known.get(sql)
        if known is not None:
            return known
        self._seen.clear()
        self._db.execute(f"EXPLAIN {sql}", params).close()
        reads: set[str | None] = set()
        writes: set[str | None] = set()
        functions: set[str] = set()
        other = (
            set() if self._seen else {sqlite3.SQLITE_TRANSACTION}
        )  # VACUUM and the like ask for no permission
        for action, first, second in self._seen:
            match action:
                case sqlite3.SQLITE_READ:
                    reads.add(first)
                case sqlite3.SQLITE_INSERT | sqlite3.SQLITE_UPDATE | sqlite3.SQLITE_DELETE:
                    writes.add(first)
                case sqlite3.SQLITE_FUNCTION:
                    functions.add(str(second).lower())
                case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                    pass
                case _:
                    other.add(action)
        tables = self._synced | self._client_only  # what is left are functions in a FROM, such as json_each
        access = Access(tables & reads, tables & writes, frozenset(functions), frozenset(other))
        self._known[sql] = access
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return access

    def _authorize(self, action: int, first: str | None, second: str | None, _db: Any, _source: Any) -> int:
        self._seen.append((action, first, second))
        return sqlite3.SQLITE_OK
