"""The types of a schema: columns of tables and arguments of events, and their translation.

Pure. A value has three forms, and every type says here, and only here, how they belong together:

    Python  what an app passes and gets: str, int, float, bool, any JSON value
    wire    JSON, as events travel and are kept in the event log
    SQL     what SQLite stores

Names have two forms: snake_case in Python, camelCase on the wire and in SQL (`to_camel`).
"""

from __future__ import annotations

import datetime as dt
import re
import reprlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypedDict, Unpack

from filesync_web.core.foreign import MAX_DEPTH, parse_json
from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SchemaError
from filesync_web.livestore.messages import MAX_EVENT_DEPTH, Json, WireError
from filesync_web.livestore.wire import to_json

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""JSON numbers beyond it lose digits in JavaScript, so that an event would not come back as it was sent."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_SNAKE = re.compile(r"_([a-z0-9])")


class _Missing:
    """The type of `MISSING`: no value was given (which is not the same as None)."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@cache
def to_camel(name: str) -> str:
    """The wire and SQL spelling of a Python name: `created_at` is `createdAt`."""
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def to_ms(value: dt.datetime) -> int:
    """Milliseconds since the epoch of an aware datetime; what is finer is cut off."""
    return (value - _EPOCH) // _MILLISECOND


def from_ms(value: int) -> dt.datetime:
    """The UTC datetime of milliseconds since the epoch."""
    return _EPOCH + value * _MILLISECOND


def iso_from_ms(value: int) -> str:
    """ISO 8601 with milliseconds and `Z`, as JavaScript's `toISOString` writes it."""
    return from_ms(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- checks: the value as the type keeps it, or TypeError / ValueError with what would be right -------------


def _check_text(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value  # nearly all are: each event has several, and each is looked at several times
    if not isinstance(value, str):
        raise TypeError("a string")
    value.encode()  # a lone surrogate is a ValueError: neither UTF-8 nor SQLite can carry it
    return str(value)


def _check_integer(value: Any) -> int:
    if type(value) is float and value.is_integer():  # JavaScript does not tell 1 from 1.0
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("an integer")
    if abs(value) > MAX_SAFE_INTEGER:
        raise ValueError("an integer between -2^53 and 2^53")
    return int(value)


def _check_real(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("a number")
    number = float(value)
    if number - number != 0:
        raise ValueError("a finite number")
    return number


def _check_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("True or False")
    return value


def _check_json(value: Any) -> Json:
    try:
        return parse_json(to_json(value))  # a copy: the caller may go on changing its own
    except WireError as error:
        raise ValueError(f"a JSON value ({error})") from error


def _json_to_wire(value: Json) -> Json:
    max_depth = MAX_EVENT_DEPTH - 1  # the arguments around it are one level themselves
    parse_json(to_json(value), max_depth=max_depth, parse_int=_integer_of)
    return value


def _integer_of(digits: str) -> int:
    return _check_integer(int(digits))


def _json_from_sql(text: str) -> Json:
    return parse_json(text, max_depth=2 * MAX_DEPTH)  # a materializer may have put events into one another


def _check_datetime(value: Any) -> dt.datetime:
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        raise TypeError("a datetime with a time zone")
    return from_ms(to_ms(value))


def _check_timestamp(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return to_ms(_check_datetime(value))
    from_ms(checked := _check_integer(value))  # fails for what is no moment
    return checked


def _datetime_from_wire(value: Json) -> dt.datetime:
    if not isinstance(value, str):
        raise TypeError("an ISO 8601 string")
    return _check_datetime(dt.datetime.fromisoformat(value))


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Kind:
    """One type. The functions take a value that is not None; `check` and `from_wire` raise for an ill-typed
    one. `from_sql` is None where Python's form is that of SQL.
    """

    name: str
    sql_type: str
    python_type: type
    check: Callable[[Any], Any]
    to_wire: Callable[[Any], Json] = _same
    from_wire: Callable[[Json], Any] | None = None
    to_sql: Callable[[Any], Any] = _same
    from_sql: Callable[[Any], Any] | None = None


TEXT = Kind("text", "TEXT", str, _check_text)
INTEGER = Kind("integer", "INTEGER", int, _check_integer)
REAL = Kind("real", "REAL", float, _check_real)
BOOLEAN = Kind("boolean", "INTEGER", bool, _check_boolean, to_sql=int, from_sql=bool)
JSON = Kind(
    "json",
    "TEXT",
    object,
    _check_json,
    to_wire=_json_to_wire,
    to_sql=to_json,
    from_sql=_json_from_sql,
)
TIMESTAMP = Kind(
    "timestamp",
    "INTEGER",
    int,
    _check_timestamp,
    to_wire=iso_from_ms,
    from_wire=lambda value: to_ms(_datetime_from_wire(value)),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table or one argument of an event.

    `nullable`: None is allowed. `default`: stands in for a value that is not given. `optional` (arguments
    only): may be left out, and is then absent, not None. `primary_key` (columns only).
    """

    kind: Kind
    nullable: bool = False
    default: Any = MISSING
    optional: bool = False
    primary_key: bool = False

    def check(self, value: Any, where: str) -> Any:
        """`value` as this type keeps it; raises `SchemaError` naming `where` when it does not fit."""
        return self._convert(self.kind.check, value, where)

    def to_wire(self, value: Any, where: str) -> Json:
        """The wire form of a value; raises `SchemaError` when it does not fit, or would not come back as it
        was sent."""
        checked = self.check(value, where)
        return checked if self.kind.to_wire is _same else self._convert(self.kind.to_wire, checked, where)

    def from_wire(self, value: Json, where: str) -> Any:
        """The Python form; raises `SchemaError` when another client sent something that does not fit."""
        return self._convert(self.kind.from_wire or self.kind.check, value, where)

    def to_sql(self, value: Any) -> Any:
        """The SQL form of a checked value."""
        return value if value is None or self.kind.to_sql is _same else self.kind.to_sql(value)

    def checked_sql(self, value: Any, where: str) -> Any:
        """The SQL form of a value; raises `SchemaError` naming `where` when it does not fit."""
        return self.to_sql(self._convert(self.kind.check, value, where))

    def _convert(self, convert: Callable[[Any], Any], value: Any, where: str) -> Any:
        if value is None:
            if self.nullable:
                return None
            raise SchemaError(f"{where} must not be None")
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            shown = reprlib.repr(value)  # also of what is nested too deep for repr()
            raise SchemaError(f"{where} must be {self.kind.name} ({error}), not {shown}") from error


class FieldOptions(TypedDict, total=False):
    """How a column or an argument is used; all are optional.

    Attributes:
        nullable: whether it may be None.
        default: what it is where nothing is given.
        optional: an argument of an event that may be missing, as in events of older versions.
        primary_key: a column that identifies its row.
    """

    nullable: bool
    default: Any
    optional: bool
    primary_key: bool


def text(**options: Unpack[FieldOptions]) -> Field:
    """A string: `table("album", {"id": text(primary_key=True), "title": text(default="")})`."""
    return _field(TEXT, **options)


def integer(**options: Unpack[FieldOptions]) -> Field:
    """An integer that JavaScript can hold exactly: less than 2^53 away from 0."""
    return _field(INTEGER, **options)


def real(**options: Unpack[FieldOptions]) -> Field:
    """A finite number."""
    return _field(REAL, **options)


def boolean(**options: Unpack[FieldOptions]) -> Field:
    """True or False; 1 or 0 in SQL."""
    return _field(BOOLEAN, **options)


def json(**options: Unpack[FieldOptions]) -> Field:
    """Any JSON value; text in SQL, for SQLite's JSON functions."""
    return _field(JSON, **options)


def timestamp(**options: Unpack[FieldOptions]) -> Field:
    """A moment: milliseconds since the epoch, or an aware `datetime` when given; ISO 8601 on the wire."""
    return _field(TIMESTAMP, **options)


def _field(
    kind: Kind,
    *,
    nullable: bool = False,
    default: Any = MISSING,
    optional: bool = False,
    primary_key: bool = False,
) -> Field:
    field = Field(kind, nullable, MISSING, optional, primary_key)
    if default is MISSING:
        return field
    return Field(kind, nullable, field.check(default, "default"), optional, primary_key)
