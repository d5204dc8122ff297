"""How a query of an app, typed or SQL, is asked of the state."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from functools import lru_cache
from typing import Any

from filesync_web.errors import SchemaError
from filesync_web.livestore.state import State
from filesync_web.livestore.statements import Params
from filesync_web.livestore.tables import Select, Table

Query = Select[Any] | Table[Any] | str


def rows_of(state: State, query: Query, params: Params = ()) -> list[Any]:
    """The records of a typed query, or the rows of SQL as named tuples; raises `SchemaError`."""
    select, sql, params = _parts(query, params)
    try:
        columns, rows = state.query(sql, params)
    except sqlite3.Error as error:
        raise SchemaError(f"the query failed ({error}): {sql:.200}") from error
    if select is not None:
        return _records(select.table, rows)
    return list(map(_row_type(tuple(columns))._make, rows))


def _records(table: Table[Any], rows: list[Any]) -> list[Any]:
    try:
        return [table.decode(row) for row in rows]
    except (ValueError, OverflowError) as error:  # a materializer in SQL has put it there
        raise SchemaError(f"table {table.name} has a value that is not of its column: {error}") from error


def tables_of(state: State, query: Query, params: Params = ()) -> frozenset[str]:
    """The tables that a query reads."""
    _, sql, params = _parts(query, params)
    return state.tables_of(sql, params)


def _parts(query: Query, params: Params) -> tuple[Select[Any] | None, str, Params]:
    if isinstance(query, str):
        return None, query, params
    select = query.all() if isinstance(query, Table) else query
    return select, select.sql, select.params


@lru_cache(maxsize=256)
def _row_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns, rename=True)
