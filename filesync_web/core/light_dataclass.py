"""`dataclass` as the standard one, but cheaper to make: for classes that pages import while they start.

The standard decorator writes methods as text and compiles them, for each class anew; a hundred classes were
half of the time that importing the kit took in a page. Here equality, hash, repr and the protection of frozen
instances are shared functions, and `__init__` is compiled when the first instance is made. Most classes
never have one before the page is ready.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        cls: type | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> Any:
        """The standard decorator, with those of its options that are used."""

        def make(cls: type) -> type:
            has_own = vars(cls).keys()
            has_init, has_repr = "__init__" in has_own, "__repr__" in has_own
            made = dataclasses.dataclass(slots=slots, init=False, eq=False, repr=False)(cls)
            if not has_init:
                made.__init__ = _first_init(made, frozen)
                made.__signature__ = _Signature()
            if not has_repr:
                made.__repr__ = _repr
            if eq:
                made.__compared__ = _compared(made)
                made.__eq__ = _eq
                made.__hash__ = _hash if frozen else None
            if frozen:
                made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
                made.__getstate__, made.__setstate__ = _state, _set_state
            return made

        return make if cls is None else make(cls)


def _first_init(cls: type, frozen: bool) -> Callable[..., None]:
    """The `__init__` that makes the real one, in its place, when it is called."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one
        cls.__init__ = real = _init(cls, frozen)  # type: ignore[misc]
        real(self, *args, **kwargs)

    return __init__


def _init(cls: type, frozen: bool) -> Callable[..., None]:
    members = [(field.name, field.type, field) for field in dataclasses.fields(cls)]
    post = getattr(cls, "__post_init__", None)
    twin = dataclasses.make_dataclass(
        cls.__name__,
        members,
        namespace={} if post is None else {"__post_init__": post},
        frozen=frozen,
        eq=False,
        repr=False,
    )
    init: Callable[..., None] = vars(twin)["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


class _Signature:
    """Answers `inspect.signature`, `help` for one, which would find the `__init__` that only waits."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        made_by = next(base for base in owner.__mro__ if "__signature__" in vars(base))
        _self, *parameters = inspect.signature(_init(made_by, frozen=False)).parameters.values()
        return inspect.Signature(parameters)


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


def _compared(cls: type) -> Callable[[Any], Any]:
    """What is equal in equal instances."""
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    return attrgetter(*(names or ["__class__"]))


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
