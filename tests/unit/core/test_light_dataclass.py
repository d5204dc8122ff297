"""The light `dataclass` makes classes that behave as those of the standard one."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from filesync_web.core import light_dataclass

DECORATORS = {"standard": dataclasses.dataclass, "light": light_dataclass.dataclass}


def make(decorator: Any) -> tuple[Any, Any, Any, Any]:
    """A class of each kind."""

    @decorator(frozen=True, slots=True)
    class Value:
        number: int
        secret: str = dataclasses.field(default="", repr=False)
        note: str = dataclasses.field(default="", compare=False)

    @decorator(frozen=True, slots=True)
    class Empty:
        pass

    @decorator(slots=True)
    class Changing:
        items: list[Any] = dataclasses.field(default_factory=list)

    @decorator(slots=True, eq=False)
    class Single:
        number: int

        def __repr__(self) -> str:
            return "its own"

    return Value, Empty, Changing, Single


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_classes_compare_hash_show_and_copy_alike(decorator: Any) -> None:
    value, empty, changing, single = make(decorator)
    one = value(1, "secret", "note")
    assert one == value(1, "secret", "another note") != value(2, "secret")
    assert {one, value(1, "secret"), value(1, "other")} == {one, value(1, "other")}
    assert repr(one).endswith(".Value(number=1, note='note')")
    assert dataclasses.replace(one, number=2).note == copy.copy(one).note == "note"
    assert dataclasses.astuple(one) == (1, "secret", "note")
    assert not hasattr(one, "__dict__")
    assert empty() == empty()
    assert empty() != value(1)
    assert hash(empty()) == hash(empty())
    assert repr(empty()).endswith(".Empty()")
    items = changing()
    items.items.append(items)
    assert repr(items).endswith(".Changing(items=[...])")
    assert changing() == changing([])
    with pytest.raises(TypeError, match="unhashable"):
        hash(changing())
    assert single(1) != single(1)
    assert len({single(1), single(1)}) == 2
    assert repr(single(1)) == "its own"
    match one:
        case value(number, secret):
            assert (number, secret) == (1, "secret")
