"""A setting may be a value, a function, or an asynchronous one."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from filesync_web.aio.resolved import resolved


async def plain(*args: object) -> object:
    await asyncio.sleep(0)
    return ["async", *args]


class Callable:
    async def __call__(self) -> str:
        return "object"


@pytest.mark.parametrize(
    ("source", "args", "value"),
    [
        ("text", (), "text"),
        (None, (), None),
        ({"a": 1}, ("ignored",), {"a": 1}),
        (lambda: "function", (), "function"),
        (lambda one, two: one + two, (1, 2), 3),
        (plain, (1,), ["async", 1]),
        (partial(plain, 0), (1,), ["async", 0, 1]),
        (Callable(), (), "object"),
        (lambda: None, (), None),
    ],
)
async def test_every_form_gives_its_value(source: object, args: tuple[object, ...], value: object) -> None:
    assert await resolved(source, *args) == value


async def test_an_awaitable_is_awaited() -> None:
    assert await resolved(plain("given")) == ["async", "given"]


async def test_the_error_of_a_function_passes() -> None:
    def fail() -> None:
        raise LookupError("no token")

    async def fail_later() -> None:
        raise LookupError("no token later")

    with pytest.raises(LookupError, match="no token"):
        await resolved(fail)
    with pytest.raises(LookupError, match="later"):
        await resolved(fail_later)
