"""`run_in_pyodide` of pytest-pyodide, with types, and for functions of any module.

    @run_in_pyodide
    async def saved_size(selenium: PyodidePage, content: bytes) -> int:
        import filesync_web as fs
        ...

    assert saved_size(page, b"hello") == 5

The body runs in the page's Python: it sees neither the names of its module nor those around it, and imports
what it needs. Arguments, the result and an exception are pickled. A test itself may be such a function; its
first parameter is then the fixture of a page.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import pytest_pyodide
from pytest_pyodide.hook import ORIGINAL_MODULE_ASTS, REWRITTEN_MODULE_ASTS

from tests.harness.pyodide_page import PyodidePage

P = ParamSpec("P")
T = TypeVar("T")


@overload
def run_in_pyodide(
    function: Callable[Concatenate[PyodidePage, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PyodidePage, P], T]: ...


@overload
def run_in_pyodide(
    function: Callable[Concatenate[PyodidePage, P], T],
) -> Callable[Concatenate[PyodidePage, P], T]: ...


def run_in_pyodide(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function one that runs in the page that is its first argument.

    Only a test gets pytest's asserts, which say more: they bring pytest into the page, which takes a second.
    pytest has them for the modules that it has collected.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _decorated(function)(*args, **kwargs)

    return call


@functools.cache
def _decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave it to the plugin, which is configured when the function is called, but not when conftest.py is
    imported; by itself it knows the modules that pytest collects, and no others."""
    file = sys.modules[function.__module__].__file__
    assert file, f"{function.__name__} has no source"
    if file not in ORIGINAL_MODULE_ASTS:
        ORIGINAL_MODULE_ASTS[file] = ast.parse(Path(file).read_bytes(), file)
    is_test = function.__name__.startswith("test_") and file in REWRITTEN_MODULE_ASTS
    made: Callable[..., Any] = pytest_pyodide.run_in_pyodide(pytest_assert_rewrites=is_test)(function)
    return made
