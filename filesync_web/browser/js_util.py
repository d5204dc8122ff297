"""Crossing from Python to JavaScript: loading our scripts, running their jobs, turning answers into errors.

Loops over small asynchronous steps live in JavaScript files beside the adapters, since an await in Python
costs about a thousand times one in JavaScript. A *job* is what such a script starts: an object with `done`, a
promise of `{value}` or `{error: {type, message, ...}}` that never rejects, and `abort()`.

JavaScript objects are named `js_*`. A proxy made for JavaScript is destroyed by whoever made it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pyodide.code import run_js
from pyodide.ffi import JsException, create_proxy

from filesync_web import errors
from filesync_web.core.failures import error_for_status
from filesync_web.core.scripts import join_scripts
from filesync_web.ports import Progress

_log = logging.getLogger("filesync_web.browser")


@cache
def read_script(name: str) -> str:
    """The text of one of our scripts, with those that it needs, in strict mode."""
    folder = files("filesync_web.browser")
    text = join_scripts(name, lambda name: (folder / name).read_text(encoding="utf-8"))
    return f'"use strict";\n{text}'


@cache
def load_script(name: str, exported: tuple[str, ...]) -> Any:
    """Evaluate a script, and those that it needs, in a scope of their own, once.

    Returns a JavaScript object with the exported names.
    """
    return run_js(f"(() => {{\n{read_script(name)}\nreturn {{ {', '.join(exported)} }};\n}})()")


def is_none(js_value: Any) -> bool:
    """Whether a value is `undefined` or `null`, which arrive as different objects."""
    return js_value is None or type(js_value).__name__ == "JsNull"


async def run_job(js_job: Any, js_progress: Any = None) -> Any:
    """Wait for a job's value; raise its error in its Python type; abort it when the waiting is cancelled.

    A cancelled job has cleaned up behind itself when `asyncio.CancelledError` comes out of here.
    `js_progress` is the proxy that the job calls back; it is destroyed at the end.
    """
    try:
        try:
            js_answer = await js_job.done
        except asyncio.CancelledError:
            js_job.abort()
            await js_job.done
            raise
    finally:
        if js_progress is not None:
            js_progress.destroy()
    js_error = getattr(js_answer, "error", None)
    if is_none(js_error):
        return js_answer.value
    raise error_of(json.loads(js_json(js_error)))


def js_json(js_value: Any) -> str:
    """The JSON of a plain JavaScript value."""
    from js import JSON

    return str(JSON.stringify(js_value))


def error_of(described: Mapping[str, Any]) -> errors.FileSyncError:
    """The error that a script described; `type` names a class of `errors.py`, or is "status"."""
    message = described["message"]
    if described["type"] == "status":
        return error_for_status(int(described["status"]), described["headers"], message)
    kind = getattr(errors, described["type"], None)
    return kind(message) if isinstance(kind, type) else errors.StorageError(message)


def error_of_exception(error: JsException) -> errors.FileSyncError:
    """The error of a promise that rejected with a `Failure` of ours or an error of the browser."""
    kind = getattr(error, "type", None)
    if isinstance(kind, str):
        return error_of({"type": kind, "message": str(error.message)})
    if error.name == "SecurityError":
        return errors.StorageUnavailableError(
            f"the browser does not let this page store files ({error.message})"
        )
    return errors.StorageError(f"{error.name}: {error.message}")


async def settled(js_promise: Any) -> Any:
    """The value of a promise, its rejection as one of our errors."""
    try:
        return await js_promise
    except JsException as error:
        raise error_of_exception(error) from None


def progress_proxy(progress: Progress | None) -> Any:
    """A proxy of a progress callback, to be destroyed by `run_job`; None for none."""
    if progress is None:
        return None

    def report(done: float, total: float) -> None:
        try:
            progress(int(done), int(total))
        except Exception:
            _log.exception("a progress callback failed")

    return create_proxy(report)
