"""Tables and the typed queries and statements on them.

Pure. A `Table` builds `Select`s for `Store.query` and `Store.subscribe`, and `Statement`s for materializers:

    tables.files.where(deleted_at=None).order_by("-created_at").limit(10)
    tables.todos.insert(id=args.id, title=args.title)
    tables.todos.where(id=args.id).update(done=True)
    tables.todos.where(done=True).delete()

Column names are snake_case here and camelCase in SQL. All builders are immutable; each call makes a new one.

A table is *synced* (filled by synced events, equal on all clients) or *client-only* (filled by client-only
events of this device). Events of one kind neither read nor write tables of the other, so that the synced half
of the state is a function of the synced events alone.
"""

from __future__ import annotations

import dataclasses
import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Generic, TypeVar, overload

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SchemaError
from filesync_web.livestore.fields import MISSING, Field, to_camel

R = TypeVar("R")

_OPERATORS = frozenset({"=", "!=", "<", "<=", ">", ">=", "LIKE", "GLOB"})


@dataclass(frozen=True, slots=True)
class Op:
    """A comparison for `where`: `where(priority=Op(">=", 3))`."""

    operator: str
    value: Any

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise SchemaError(
                f"unknown operator {self.operator!r}: use one of {', '.join(sorted(_OPERATORS))}"
            )


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement of a materializer with its parameters."""

    sql: str
    params: tuple[Any, ...] | Mapping[str, Any] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table, by Python column names."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


def index(name: str, *columns: str, unique: bool = False) -> Index:
    """Declare an index on `columns`."""
    return Index(name, columns, unique)


@dataclass(frozen=True, slots=True)
class Select(Generic[R]):
    """A query of one table; its rows are the table's records."""

    table: Table[R]
    conditions: tuple[str, ...] = ()
    params: tuple[Any, ...] = ()
    order: tuple[str, ...] = ()
    max_rows: int | None = None
    skip_rows: int = 0

    @property
    def sql(self) -> str:
        order = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        limit = (
            ""
            if self.max_rows is None and not self.skip_rows
            else f" LIMIT {self._limit} OFFSET {self.skip_rows}"
        )
        return f"SELECT {self.table.column_list} FROM {self.table.quoted}{self._where}{order}{limit}"  # noqa: S608  names are quoted, values are parameters

    def where(self, **conditions: Any) -> Select[R]:
        """Only rows for which all conditions hold: a value (equal), None (is null), a list, tuple or set (one
        of), or an `Op`.
        """
        added, params = list(self.conditions), list(self.params)
        for name, condition in conditions.items():
            field, column = self.table.field(name), self.table.column(name)
            op = condition if isinstance(condition, Op) else Op("=", condition)
            operator, value = op.operator, op.value
            if isinstance(value, list | tuple | set | frozenset):
                negation = {"=": "", "!=": "NOT "}.get(operator)
                if negation is None:
                    raise SchemaError(
                        f"{self.table.name}.{name}: {operator} does not compare with several values"
                    )
                added.append(f"{column} {negation}IN ({', '.join('?' * len(value))})")
                params += [self._to_sql(field, name, one) for one in value]
            elif value is None and operator in {"=", "!="}:
                added.append(f"{column} IS {'' if operator == '=' else 'NOT '}NULL")
            else:
                added.append(f"{column} {operator} ?")
                params.append(self._to_sql(field, name, value))
        return Select(self.table, tuple(added), tuple(params), self.order, self.max_rows, self.skip_rows)

    def order_by(self, *names: str) -> Select[R]:
        """Sort by columns, in this order; `-` before a name sorts downwards."""
        order = [
            self.table.column(name.removeprefix("-")) + (" DESC" if name[0] == "-" else "") for name in names
        ]
        return replace(self, order=(*self.order, *order))

    def limit(self, rows: int) -> Select[R]:
        """At most that many rows."""
        return replace(self, max_rows=int(rows))

    def offset(self, rows: int) -> Select[R]:
        """Leave out that many rows at the beginning."""
        return replace(self, skip_rows=int(rows))

    def update(self, **values: Any) -> Statement:
        """Set columns of the rows that match; does nothing when none does."""
        sets = ", ".join(f"{self.table.column(name)} = ?" for name in values)
        params = [self.table.to_sql(name, value) for name, value in values.items()]
        if not values or self._is_sliced:
            raise SchemaError(
                f"an update of {self.table.name} needs values and takes neither order nor limit"
            )
        return Statement(f"UPDATE {self.table.quoted} SET {sets}{self._where}", (*params, *self.params))  # noqa: S608

    def delete(self) -> Statement:
        """Delete the rows that match."""
        if self._is_sliced:
            raise SchemaError(f"a delete of {self.table.name} takes neither order nor limit")
        return Statement(f"DELETE FROM {self.table.quoted}{self._where}", self.params)  # noqa: S608

    @property
    def _where(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""

    @property
    def _limit(self) -> int:
        return -1 if self.max_rows is None else self.max_rows

    @property
    def _is_sliced(self) -> bool:
        return bool(self.order or self.skip_rows) or self.max_rows is not None

    def _to_sql(self, field: Field, name: str, value: Any) -> Any:
        return field.checked_sql(value, f"{self.table.name}.{name}")


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[R]):
    """A table: its SQL name, its columns by Python name, and the record type of its rows. Made by `table`."""

    name: str
    columns: Mapping[str, Field]
    record: Callable[..., R]
    client_only: bool
    indexes: tuple[Index, ...]
    sql_names: Mapping[str, str]
    column_list: str
    conversions: tuple[tuple[int, Callable[[Any], Any]], ...]
    """The positions of the columns whose values look different in SQL, and what makes Python's of them."""

    @property
    def quoted(self) -> str:
        return _quote(self.name)

    def field(self, name: str) -> Field:
        """The type of a column; raises `SchemaError` when there is none of that name."""
        field = self.columns.get(name)
        if field is None:
            raise SchemaError(f"table {self.name} has no column {name!r}; it has {', '.join(self.columns)}")
        return field

    def column(self, name: str) -> str:
        """The quoted SQL name of a column."""
        self.field(name)
        return self.sql_names[name]

    def to_sql(self, name: str, value: Any) -> Any:
        """The SQL form of a value for a column; raises `SchemaError` when it does not fit."""
        field = self.field(name)
        return field.checked_sql(value, f"{self.name}.{name}")

    def decode(self, row: tuple[Any, ...]) -> R:
        """The record of a row that was selected with `column_list`."""
        if not self.conversions:
            return self.record(*row)
        values = list(row)
        for position, convert in self.conversions:
            if values[position] is not None:
                values[position] = convert(values[position])
        return self.record(*values)

    def all(self) -> Select[R]:
        """Every row."""
        return Select(self)

    def where(self, **conditions: Any) -> Select[R]:
        """The rows that match; see `Select.where`."""
        return self.all().where(**conditions)

    def order_by(self, *names: str) -> Select[R]:
        """Every row, sorted; see `Select.order_by`."""
        return self.all().order_by(*names)

    def insert(self, *, on_conflict: str = "", **values: Any) -> Statement:
        """Insert one row; columns that are not given get their default.

        `on_conflict`: when the primary key is there already, `"ignore"` keeps the old row, `"replace"` takes
        the new one; without it the statement fails, and the event that caused it has no effect.
        """
        insert = _insert_of(self, on_conflict, tuple(values))
        given = zip(insert.columns, values.values(), strict=True)
        return Statement(
            insert.sql, tuple([field.checked_sql(value, where) for (field, where), value in given])
        )

    def delete(self) -> Statement:
        """Delete every row."""
        return self.all().delete()

    def ddl(self) -> list[str]:
        """The statements that create the table and its indexes."""
        keys = [self.sql_names[name] for name, field in self.columns.items() if field.primary_key]
        parts = [
            self._column_ddl(name, field, inline_key=len(keys) == 1) for name, field in self.columns.items()
        ]
        if len(keys) > 1:
            parts.append(f"PRIMARY KEY ({', '.join(keys)})")
        statements = [f"CREATE TABLE {self.quoted} ({', '.join(parts)})"]
        for one in self.indexes:
            columns = ", ".join(self.column(name) for name in one.columns)
            unique = "UNIQUE " if one.unique else ""
            statements.append(f"CREATE {unique}INDEX {_quote(one.name)} ON {self.quoted} ({columns})")
        return statements

    def _column_ddl(self, name: str, field: Field, *, inline_key: bool) -> str:
        key = " PRIMARY KEY" if field.primary_key and inline_key else ""
        null = "" if field.nullable else " NOT NULL"
        default = "" if field.default is MISSING else f" DEFAULT {_literal(field.to_sql(field.default))}"
        return f"{self.sql_names[name]} {field.kind.sql_type}{key}{null}{default}"


@overload
def table(
    name: str,
    columns: Mapping[str, Field],
    *,
    record: Callable[..., R],
    client_only: bool = False,
    indexes: Iterable[Index] = (),
) -> Table[R]: ...
@overload
def table(
    name: str,
    columns: Mapping[str, Field],
    *,
    client_only: bool = False,
    indexes: Iterable[Index] = (),
) -> Table[Any]: ...
def table(
    name: str,
    columns: Mapping[str, Field],
    *,
    record: Callable[..., Any] | None = None,
    client_only: bool = False,
    indexes: Iterable[Index] = (),
) -> Table[Any]:
    """Declare a table.

    `name` is the SQL name; `columns` maps Python names to types. `record` is called with the columns' values
    in their order; without it the rows are frozen dataclasses made here. Raises `SchemaError`.
    """
    if not columns:
        raise SchemaError(f"table {name} has no columns")
    for column, field in columns.items():
        if not column.isidentifier() or keyword.iskeyword(column) or column == "on_conflict":
            raise SchemaError(f"{name}.{column}: a column needs a Python name")
        if field.optional:
            raise SchemaError(
                f"{name}.{column}: 'optional' is for arguments of events; use nullable or default"
            )
    sql_names = {column: _quote(to_camel(column)) for column in columns}
    if len(set(sql_names.values())) < len(columns):
        raise SchemaError(f"table {name} has two columns of one SQL name")
    if record is None:
        fields = [(column, field.kind.python_type) for column, field in columns.items()]
        class_name = name[:1].upper() + name[1:] if name.isidentifier() else "Record"
        record = dataclasses.make_dataclass(class_name, fields, frozen=True, slots=True)
    made = Table(
        name=name,
        columns=dict(columns),
        record=record,
        client_only=client_only,
        indexes=tuple(indexes),
        sql_names=sql_names,
        column_list=", ".join(sql_names.values()),
        conversions=tuple(
            (position, field.kind.from_sql)
            for position, field in enumerate(columns.values())
            if field.kind.from_sql is not None
        ),
    )
    made.ddl()  # an index on an unknown column is an error here
    return made


@dataclass(frozen=True, slots=True)
class _Insert:
    """An insert of some columns of a table, each with what an error calls it."""

    sql: str
    columns: tuple[tuple[Field, str], ...]


@lru_cache(maxsize=1000)
def _insert_of(target: Table[Any], on_conflict: str, names: tuple[str, ...]) -> _Insert:
    for name, field in target.columns.items():
        if name not in names and field.default is MISSING and not field.nullable:
            raise SchemaError(f"insert into {target.name}: column {name!r} needs a value")
    verb = {"": "INSERT", "ignore": "INSERT OR IGNORE", "replace": "INSERT OR REPLACE"}.get(on_conflict)
    if verb is None:
        raise SchemaError(f"on_conflict must be 'ignore' or 'replace', not {on_conflict!r}")
    columns = ", ".join(target.column(name) for name in names)
    sql = f"{verb} INTO {target.quoted} ({columns}) VALUES ({', '.join('?' * len(names))})"
    return _Insert(sql, tuple((target.field(name), f"{target.name}.{name}") for name in names))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
