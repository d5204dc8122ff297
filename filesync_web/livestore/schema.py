"""The schema of a store: events, materializers, and what belongs together.

Pure. An *event* is a fact with typed arguments. It is *synced* (it reaches every client of the store) or
*client-only* (it stays on this device, shared by its tabs). A *materializer* turns an event into SQL
statements; it must be deterministic (same event, same state: same statements; no clock, no randomness),
because every client runs it by itself, and again after a rebase.

    todo_done = event("v1.TodoDone", {"id": text(), "at": timestamp()})
    schema = make_schema(
        tables={"todos": todos},
        events={"todo_done": todo_done},
        materializers={"v1.TodoDone": lambda args, ctx: todos.where(id=args.id).update(done=True)},
    )

A materializer may also be SQL text, or a list of such texts, with the arguments' wire names as parameters:
`"UPDATE todos SET done = 1 WHERE id = :id"`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import CodeType
from typing import Any, Generic, TypeAlias, TypeVar

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SchemaError
from filesync_web.livestore.fields import MISSING, Field, to_camel
from filesync_web.livestore.messages import Json
from filesync_web.livestore.tables import Select, Statement, Table

V = TypeVar("V")

ReadQuery: TypeAlias = Callable[..., list[Any]]


class Namespace(Mapping[str, V], Generic[V]):
    """A mapping whose values are attributes too: `tables.files`, `tables["files"]`, `{**tables, ...}`."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, V]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> V:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> V:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r}; there are {', '.join(self._values)}") from None


class Args(Namespace[Any]):
    """The arguments of an event in a materializer, in Python form; an optional one that was left out is
    absent (`"metadata_json" in args`).
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a materializer may look at besides the arguments.

    `query(sql, params=())` reads the state as it was before this event: tables of the event's own half only.
    """

    query: ReadQuery
    event: str
    client_id: str
    session_id: str


Produced: TypeAlias = Statement | Iterable[Statement] | None
Materializer: TypeAlias = str | Sequence[str] | Callable[[Args, Context], Produced]
"""What an event does to the tables: SQL, several statements of SQL, or a function of the event's arguments.

A function gets the arguments and the context (`query`, `event`, `client_id`, `session_id`), and returns
statements such as `album.insert(id=args.id)`, one or several, or None. It must depend on nothing else: each
client runs it for each event, and may run it again.
"""


@dataclass(frozen=True, slots=True)
class Both:
    """Two conditions of an event that have to hold together."""

    first: Condition
    second: Condition

    @property
    def sql(self) -> str:
        return f"SELECT 1 WHERE EXISTS ({self.first.sql}) AND EXISTS ({self.second.sql})"

    @property
    def params(self) -> tuple[Any, ...]:
        return (*self.first.params, *self.second.params)


Condition: TypeAlias = Select[Any] | Both


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is ready to be committed; its arguments are checked and in wire form."""

    definition: EventDef
    args: dict[str, Json]
    condition: Condition | None = None

    def only_if(self, condition: Select[Any]) -> NewEvent:
        """This event, on condition that the query has a row: a compare and set that outlives a rebase.

        The condition is looked at when the event is committed, and again whenever it is rebased before
        the backend has confirmed it; as soon as it does not hold, the event is dropped without effect. Of
        several conditions all have to hold.
        """
        if not self.definition.synced:
            raise SchemaError(
                f"event {self.definition.name} is client-only: it is never rebased, only_if is of no use"
            )
        if condition.table.client_only:
            raise SchemaError(
                f"event {self.definition.name} cannot depend on client-only table {condition.table.name}"
            )
        both = condition if self.condition is None else Both(self.condition, condition)
        return replace(self, condition=both)


@dataclass(frozen=True, slots=True, eq=False)
class EventDef:
    """The definition of an event; call it with the arguments to make one. Made by `event`."""

    name: str
    args: Mapping[str, Field]
    synced: bool
    compact_by: Callable[[Args], str] | None

    def __call__(self, **values: Any) -> NewEvent:
        """An event with these arguments. Raises `SchemaError` for an unknown, missing or ill-typed one."""
        unknown = sorted(values.keys() - self.args.keys())
        if unknown:
            takes = ", ".join(self.args) or "none"
            raise SchemaError(f"event {self.name} has no argument {unknown[0]!r}; its arguments: {takes}")
        wire: dict[str, Json] = {}
        for arg in _arguments(self):
            value = values.get(arg.name, arg.field.default)
            if value is MISSING:
                if arg.field.optional:
                    continue
                raise SchemaError(f"event {self.name} needs the argument {arg.name!r}")
            wire[arg.wire_name] = arg.field.to_wire(value, arg.title)
        return NewEvent(self, wire)

    def decode(self, wire: Json) -> Args:
        """The arguments of an event that may be another client's. Unknown members are left out; raises
        `SchemaError` for what is missing or ill-typed."""
        if not isinstance(wire, dict):
            raise SchemaError(f"event {self.name}: its arguments are no JSON object")
        values: dict[str, Any] = {}
        for arg in _arguments(self):
            if arg.wire_name in wire:
                values[arg.name] = arg.field.from_wire(wire[arg.wire_name], arg.wire_title)
            elif arg.field.default is not MISSING:
                values[arg.name] = arg.field.default
            elif not arg.field.optional:
                raise SchemaError(f"event {self.name} lacks the argument {arg.wire_name!r}")
        return Args(values)

    def sql_params(self, args: Args) -> dict[str, Any]:
        """The arguments in SQL form by wire name, absent ones as NULL, for materializers written in SQL."""
        return {to_camel(name): field.to_sql(args.get(name)) for name, field in self.args.items()}

    def compaction_key(self, wire: Json) -> str | None:
        """Client-only events with one key replace each other in the log; None keeps every one."""
        return None if self.compact_by is None else self.compact_by(self.decode(wire))


@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of an event, with its names, and what errors call it in Python and on the wire."""

    name: str
    wire_name: str
    field: Field
    title: str
    wire_title: str


@lru_cache(maxsize=1000)
def _arguments(definition: EventDef) -> list[_Argument]:
    """Those of an event: each is looked at several times for each event that is made."""
    title = f"{definition.name}: argument"
    return [
        _Argument(name, to_camel(name), field, f"{title} {name!r}", f"{title} {to_camel(name)!r}")
        for name, field in definition.args.items()
    ]


def event(
    name: str,
    args: Mapping[str, Field] | None = None,
    *,
    synced: bool = True,
    compact_by: Callable[[Args], str] | None = None,
) -> EventDef:
    """Declare an event.

    `name` is the name on the wire, by convention with a version: `v1.TodoCreated`. `args` maps Python names
    to types. `compact_by` (client-only events): gives a key; the log keeps only the newest event of a key, so
    that it does not grow for ever. Only for events that leave nothing of older ones of their key.
    """
    args = dict(args or {})
    if synced and compact_by is not None:
        raise SchemaError(
            f"event {name}: compact_by is for client-only events; a synced one is kept for all clients"
        )
    for arg, field in args.items():
        if field.primary_key:
            raise SchemaError(f"event {name}: argument {arg!r} cannot be a primary key; that is for columns")
        if not arg.isidentifier():
            raise SchemaError(f"event {name}: argument {arg!r} needs a Python name")
    return EventDef(name, args, synced, compact_by)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything a store needs to know about an app. Made by `make_schema`.

    `hash` changes when tables, events or materializers do; the state is then rebuilt from the log.
    """

    tables: Namespace[Table[Any]]
    events: Namespace[EventDef]
    materializers: Mapping[str, Materializer]
    by_wire_name: Mapping[str, EventDef]
    hash: str

    def ddl(self) -> list[str]:
        """The statements that create all tables."""
        return [statement for table in self.tables.values() for statement in table.ddl()]


def make_schema(
    *,
    tables: Mapping[str, Table[Any]],
    events: Mapping[str, EventDef],
    materializers: Mapping[str, Materializer],
    version: int = 0,
) -> Schema:
    """Put a schema together; raises `SchemaError` when its parts do not fit.

    `materializers` are keyed by the events' wire names, one for each event. Raise `version` when something
    changed that the schema cannot see: a function that a materializer calls.
    """
    _check_unique("tables", [table.name.lower() for table in tables.values()])
    by_wire_name = {definition.name: definition for definition in events.values()}
    _check_unique("events", [definition.name for definition in events.values()])
    if unknown := sorted(materializers.keys() - by_wire_name.keys()):
        raise SchemaError(f"there is a materializer for the unknown event {unknown[0]!r}")
    if missing := sorted(by_wire_name.keys() - materializers.keys()):
        raise SchemaError(f"event {missing[0]!r} has no materializer (use [] for one that changes no table)")
    digest = hashlib.sha256(repr(version).encode())
    for table in tables.values():
        digest.update(repr((table.client_only, table.ddl())).encode())
    for name, definition in sorted(by_wire_name.items()):
        digest.update(
            repr((name, definition.synced, _describe(definition), _code(materializers[name]))).encode()
        )
    return Schema(Namespace(tables), Namespace(events), dict(materializers), by_wire_name, digest.hexdigest())


def _check_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SchemaError(f"two {what} are called {name!r}")


def _describe(definition: EventDef) -> list[tuple[Any, ...]]:
    return [(name, f.kind.name, f.nullable, f.optional, f.default) for name, f in definition.args.items()]


def _code(materializer: Materializer) -> Any:
    """What tells two versions of a materializer apart, the same in every process."""
    if isinstance(materializer, str | Sequence):
        return materializer
    code = getattr(materializer, "__code__", None)
    return _code_object(code) if isinstance(code, CodeType) else getattr(materializer, "__qualname__", "")


def _code_object(code: CodeType) -> tuple[Any, ...]:
    constants = [_code_object(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_code.hex(), code.co_names, constants
