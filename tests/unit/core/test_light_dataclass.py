"""The light `dataclass` makes classes that behave as those of the standard one."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import sys
from typing import Any, ClassVar

import pytest

import filesync_web
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


class Halved:
    """What both do once they are made."""

    __slots__ = ()
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")
        object.__setattr__(self, "half", self.number / 2)


@dataclasses.dataclass(frozen=True, slots=True)
class Standard(Halved):
    number: int
    names: list[str] = dataclasses.field(default_factory=list)
    half: float = dataclasses.field(default=0.0, init=False)


@light_dataclass.dataclass(frozen=True, slots=True)
class Light(Halved):
    number: int
    names: list[str] = dataclasses.field(default_factory=list)
    half: float = dataclasses.field(default=0.0, init=False)


@light_dataclass.dataclass(frozen=True, slots=True)
class Lighter(Light):
    more: str = ""
    names: list[str] = dataclasses.field(default_factory=lambda: ["another default"])


@pytest.mark.parametrize("cls", [Standard, Light, Lighter])
def test_instances_are_made_and_protected_alike(cls: Any) -> None:
    for _ in range(2):  # the first one is made in another way
        assert cls(3, ["a"]).half == cls(number=3).half == 1.5
    assert cls(1).names is not cls(1).names
    one = cls(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="number"):
        one.number = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="number"):
        del one.number
    with pytest.raises(ValueError, match="negative"):
        cls(-1)
    with pytest.raises(TypeError, match=rf"{cls.__name__}.__init__\(\) missing 1 required"):
        cls()
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert dataclasses.asdict(one)["half"] == 0.5
    assert list(inspect.signature(cls).parameters)[:2] == ["number", "names"]
    assert inspect.signature(cls) == inspect.signature(cls)


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_fields_that_are_given_by_name_or_not_at_all(decorator: Any) -> None:
    @decorator(slots=True)
    class Named:
        put: int
        _: dataclasses.KW_ONLY
        note: str
        count: ClassVar[int] = 3
        made: list[int] = dataclasses.field(default_factory=lambda: [1], init=False)
        there: str = dataclasses.field(default="there", init=False)

    one = Named(1, note="note")
    assert dataclasses.astuple(one) == (1, "note", [1], "there")
    assert Named.count == one.count == 3
    assert one.made is not Named(put=1, note="note").made
    for wrong in ((1, "note"), (1,)):
        with pytest.raises(TypeError, match="Named"):
            Named(*wrong)
    with pytest.raises(TypeError, match="unexpected keyword argument 'made'"):
        Named(1, note="note", made=[])


def test_a_signature_is_that_of_the_standard_one() -> None:
    make(light_dataclass.dataclass)
    assert str(inspect.signature(Light)).removesuffix(" -> None") == str(
        inspect.signature(Standard)
    ).removesuffix(" -> None")
    assert list(inspect.signature(Lighter).parameters) == ["number", "names", "more"]


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_a_class_that_nobody_decorates_inherits(decorator: Any) -> None:
    value = make(decorator)[0]

    class Child(value):
        pass

    assert Child(1).number == 1
    assert Child(1) == Child(1)
    assert value(1) != Child(1)


def light_classes() -> list[type]:
    """Those of the kit."""
    for module in pkgutil.walk_packages(filesync_web.__path__, "filesync_web."):
        if not module.name.startswith(("filesync_web.browser.", "filesync_web.__main__")):
            importlib.import_module(module.name)
    modules = [module for name, module in sys.modules.items() if name.startswith("filesync_web")]
    found = {thing for module in modules for thing in vars(module).values() if isinstance(thing, type)}
    return [cls for cls in found if "__compared__" in vars(cls)]


def arguments(function: Any) -> list[tuple[str, Any, bool]]:
    parameters = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default is one.empty) for one in parameters]


def test_the_classes_of_the_kit_are_as_the_standard_decorator_makes_them() -> None:
    classes = light_classes()
    assert len(classes) > 100
    for cls in classes:
        slots = [slot for base in cls.__mro__ for slot in vars(base).get("__slots__", ())]
        assert sorted(slots) == sorted(field.name for field in dataclasses.fields(cls)), cls
        assert arguments(cls.__init__)[1:] == arguments(cls), cls  # the standard one's
        functions = [member for member in vars(cls).values() if inspect.isfunction(member)]
        assert not [f for f in functions if "__class__" in f.__code__.co_freevars], cls
