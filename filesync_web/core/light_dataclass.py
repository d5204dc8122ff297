"""`dataclass` as the standard one, but cheaper to make: for classes that pages import while they start.

The standard decorator looks into every field, writes methods as text and compiles them, for each class anew:
with a hundred classes that was half of the time that importing the kit took in a page. Here a class gets its
slots, and methods that all such classes share. `__init__` is compiled for the first instance, which most
classes do not have before the page is ready. The rest is left to the standard decorator, which works on the
class as it was written once somebody asks for the fields.

Methods cannot call `super()` without arguments, which would mean the class as it was written.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field
from functools import cache, partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, slots: Literal[True], frozen: bool = False, eq: bool = True) -> Callable[[type], type]:
        """The standard decorator, with those of its options that are used."""

        def make(written: type) -> type:
            members = {"__repr__": _repr, **vars(written), "__light_fields__": list(_own_members(written))}
            if eq:
                members |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                members |= _FROZEN
            made = _with_slots(written, members)
            standard = cache(partial(_standard, written, frozen))
            for name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__"):
                _Later.put(made, name, lambda name=name: vars(standard())[name])
            _Later.put(made, "__compared__", lambda: _compared(made))
            if "__init__" not in members:
                _Later.put(made, "__init__", lambda: _init(made, frozen))
                _Later.put(made, "__signature__", lambda: _signature(standard()))
            return made

        return make


class _Member(NamedTuple):
    """A field as it was written; `value` is its default, or what `dataclasses.field` gave."""

    name: str
    value: Any
    kw_only: bool

    def says(self, what: str) -> Any:
        """What `dataclasses.field` was told, or would be by default."""
        if isinstance(self.value, Field):
            return getattr(self.value, what)
        return {"default": self.value, "default_factory": MISSING}.get(what, True)


def _own_members(written: type) -> Iterator[_Member]:
    """The fields that are not from bases."""
    kw_only = False
    for name, annotation in written.__annotations__.items():
        kind = annotation.partition("[")[0].rpartition(".")[2]
        if kind == "KW_ONLY":
            kw_only = True
        elif kind != "ClassVar":
            yield _Member(name, vars(written).get(name, MISSING), kw_only)


def _members(made: type) -> list[_Member]:
    """All fields, those of bases first."""
    found: dict[str, _Member] = {}
    for base in reversed(made.__mro__):
        found |= {member.name: member for member in vars(base).get("__light_fields__", ())}
    return list(found.values())


def _with_slots(written: type, members: dict[str, Any]) -> type:
    """The class with these members, and a slot for each field that no base has one for."""
    inherited = {slot for base in written.__mro__[1:] for slot in vars(base).get("__slots__", ())}
    fields = [member.name for member in members["__light_fields__"]]
    slots = [name for name in fields if name not in inherited]
    without = {*fields, "__dict__", "__weakref__"}
    kept = {name: member for name, member in members.items() if name not in without}
    made = type(written)(written.__name__, written.__bases__, {**kept, "__slots__": tuple(slots)})
    made.__qualname__ = written.__qualname__
    return made


class _Later:
    """Stands for an attribute of a class until somebody asks for it, who gets what `make` gives."""

    def __init__(self, cls: type, name: str, make: Callable[[], Any]) -> None:
        self._cls = cls
        self._name = name
        self._make = make

    @classmethod
    def put(cls, into: type, name: str, make: Callable[[], Any]) -> None:
        """Let it stand in the class."""
        setattr(into, name, cls(into, name, make))

    def __get__(self, instance: object, owner: type) -> Any:
        setattr(self._cls, self._name, self._make())
        return getattr(owner if instance is None else instance, self._name)


def _init(made: type, frozen: bool) -> Callable[..., None]:
    """The `__init__` that the standard decorator would make."""
    names: dict[str, Any] = {"_MISSING": MISSING, "_put": object.__setattr__}
    arguments: dict[bool, list[str]] = {False: [], True: []}
    body: list[str] = []
    for member in _members(made):
        name, default, factory = member.name, member.says("default"), member.says("default_factory")
        names |= {f"_default_{name}": default, f"_make_{name}": factory}
        has_default = default is not MISSING or factory is not MISSING
        value = name if factory is MISSING else f"_make_{name}() if {name} is _MISSING else {name}"
        if member.says("init"):
            arguments[member.kw_only].append(f"{name}=_default_{name}" if has_default else name)
        elif has_default:
            value = f"_default_{name}" if factory is MISSING else f"_make_{name}()"
        else:
            continue
        body.append(f"_put(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    body.append("self.__post_init__()" if hasattr(made, "__post_init__") else "pass")
    listed = ", ".join(["self", *arguments[False], *(["*", *arguments[True]] if arguments[True] else [])])
    exec(f"def __init__({listed}):\n " + "\n ".join(body), names)  # noqa: S102 - of our own fields
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _standard(written: type, frozen: bool) -> type:
    return dataclasses.dataclass(frozen=frozen, eq=False, repr=False)(written)


def _signature(standard: type) -> inspect.Signature:
    """For `inspect.signature` and `help`: the `__init__` from here has no annotations."""
    _self, *parameters = inspect.signature(vars(standard)["__init__"]).parameters.values()
    return inspect.Signature(parameters)


def _compared(made: type) -> Callable[[Any], Any]:
    """What is equal in equal instances."""
    names = [member.name for member in _members(made) if member.says("compare")]
    return attrgetter(*(names or ["__class__"]))


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """For `copy` and `pickle`, which would set what they have read."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_FROZEN = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}


def _eq(self: Any, other: Any) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return self is other or self.__compared__(self) == self.__compared__(other)


def _hash(self: Any) -> int:
    return hash((type(self), self.__compared__(self)))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"
