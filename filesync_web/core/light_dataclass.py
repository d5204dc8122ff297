"""`dataclass` for classes that no app makes or gets: the standard one to type checkers, and cheaper to make.

The standard decorator writes six methods as text and compiles them, for each class anew. In a page that
starts, where nothing else is compiled, a hundred classes were a tenth of the time until it is ready. Here
only `__init__` is made like that. Equality, hash and repr are shared functions; and that a frozen instance
is not changed, the type checker sees to, not each assignment.
"""

from __future__ import annotations

import dataclasses
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
            has_repr = "__repr__" in vars(cls)
            made = dataclasses.dataclass(slots=slots, eq=False, repr=False)(cls)
            if not has_repr:
                made.__repr__ = _repr
            if eq:
                made.__compared__ = _compared(made)
                made.__eq__ = _eq
                made.__hash__ = _hash if frozen else None
            return made

        return make if cls is None else make(cls)


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
