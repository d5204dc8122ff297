"""Python functions that JavaScript may call while Python waits for the system.

CPython lets go of its global lock (GIL) around `open`, `read`, `stat` and the like, and Pyodide refuses to
call a Python function meanwhile. The file system of Emscripten, however, is asked just then. A few
instructions of WebAssembly take the lock, call the function and give the lock back; a page that may run
Python at all may compile them, which is not so for JavaScript in a string.

A function raises `OSError` to fail with its `errno`, which Emscripten wants as a thrown "ErrnoError". Nothing
else may be thrown through these instructions: any other error is logged and becomes `EIO`.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any

import js
import pyodide_js
from pyodide.ffi import create_proxy, jsnull, to_js

from filesync_web.browser.js_util import js_object

logger = logging.getLogger(__name__)

MAX_ARGUMENTS = 6
"""Most arguments that a function gets; those that were not given are None."""

# (module
#   (import "python" "ensure" (func $ensure (result i32)))
#   (import "python" "release" (func $release (param i32)))
#   (import "python" "call" (func $call (param externref x 6) (result externref)))
#   (import "python" "fail" (func $fail))
#   (func (export "call") (param externref x 6) (result externref)
#     (local $state i32) (local $result externref)
#     (local.set $state (call $ensure))
#     (local.set $result (call $call (local.get 0) ... (local.get 5)))
#     (call $release (local.get $state))
#     (if (ref.is_null (local.get $result)) (then (call $fail)))
#     (local.get $result)))
_MODULE = bytes.fromhex(
    "0061736d01000000"
    "01160460 00017f 60017f00 60066f6f6f6f6f6f016f 600000"  # types
    "023e04 06707974686f6e06656e737572650000 06707974686f6e0772656c656173650001"
    "06707974686f6e0463616c6c0002 06707974686f6e046661696c0003"  # imports
    "03020102"  # functions
    "070801 0463616c6c0004"  # exports
    "0a2a0128 02017f016f 10002106 2000200120022003200420051002 2107 20061001 2007d1044010030b 20070b"  # code
)


def interpreter() -> Any:
    """The module of Emscripten that Python runs in: its memory, and the functions of CPython."""
    return pyodide_js._module  # noqa: SLF001


class Callbacks:
    """Makes such functions. They live as long as the page: an open file may call them at any time."""

    def __init__(self) -> None:
        self._js_module = js.WebAssembly.Module.new(to_js(_MODULE))
        self._js_python = interpreter()
        self._js_error = js.Error.new("a file operation failed")
        self._js_error.name = "ErrnoError"
        js_failed = js.AbortSignal.abort(self._js_error)
        self._js_fail = js.AbortSignal.prototype.throwIfAborted.bind(js_failed)

    def make(self, function: Callable[..., Any], arguments: int) -> Any:
        """A JavaScript function that calls `function` with its first `arguments` arguments."""

        def call(*given: Any) -> Any:
            try:
                return function(*given[:arguments])
            except OSError as error:
                return self._fail(error.errno or errno.EIO)
            except BaseException:
                logger.exception("a file operation failed in %s", function)
                return self._fail(errno.EIO)

        imports = js_object(
            {
                "ensure": self._js_python._PyGILState_Ensure,  # noqa: SLF001
                "release": self._js_python._PyGILState_Release,  # noqa: SLF001
                "call": create_proxy(call),
                "fail": self._js_fail,
            }
        )
        return js.WebAssembly.Instance.new(self._js_module, js_object({"python": imports})).exports.call

    def _fail(self, number: int) -> Any:
        self._js_error.errno = number
        return jsnull
