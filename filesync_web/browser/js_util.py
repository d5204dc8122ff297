"""Crossing from Python to JavaScript: values, promises, errors, and where this Python runs.

The page evaluates no JavaScript of ours, since its Content-Security-Policy may forbid that. What loops over
small asynchronous steps, and what touches bytes, runs in dedicated workers (`worker.py`): an await in Python
costs about a thousand times one in JavaScript. The rest is done from here, on the browser's own objects.

JavaScript objects are named `js_*`. A proxy made for JavaScript is destroyed by whoever made it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import js
from pyodide.ffi import JsException, create_once_callable, to_js

from filesync_web import errors
from filesync_web.core.failures import error_for_status
from filesync_web.ports import Progress

logger = logging.getLogger(__name__)


class JsError(Exception):
    """What a promise was rejected with, or what JavaScript threw, whatever that was."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message

    @classmethod
    def of(cls, js_reason: Any) -> JsError:
        """Of anything: browsers reject with errors, apps also with texts or nothing."""
        if is_none(js_reason):
            return cls("Error", "no reason was given")
        name, message = getattr(js_reason, "name", None), getattr(js_reason, "message", None)
        return cls(
            name if isinstance(name, str) else "Error",
            message if isinstance(message, str) else str(js_reason),
        )


def call(js_object: Any, method: str, *args: Any) -> Coroutine[Any, Any, Any]:
    """Call a method that gives a promise, at once; await the answer for the promise's value.

    Raises `JsError` when the method throws or the promise is rejected. Python's own way does not do: a
    promise that a call returns arrives as a future, and that one never ends when the promise is rejected with
    something else than an error with a stack, such as a text, or an error that WebKit itself has made. So the
    call is made in JavaScript, where the promise stays until it is settled.
    """
    return _only_value(_settled(js_object, method, args))


async def value_of(js_promise: Any) -> Any:
    """The value of a promise that is an attribute, like `ready` of a service worker's container.

    Raises `JsError` when it is rejected. For the promise of a method there is `call`.
    """
    return await _only_value(js.Promise.allSettled(to_js([js_promise])))


def ignore(js_object: Any, method: str, *args: Any) -> None:
    """Call a method that gives a promise, wait for nothing, and let nobody complain when it fails."""
    with suppress(JsError):
        _settled(js_object, method, args)


def _settled(js_object: Any, method: str, args: Sequence[Any]) -> Awaitable[Any]:
    """What becomes of the promise that a method gives, in an array. The browser is told now that somebody
    cares: it complains of a promise that is rejected before."""
    js_call = js.Reflect.apply.bind(None, getattr(js_object, method), js_object, to_js(args))
    try:
        return cast("Awaitable[Any]", js.Promise.allSettled(js.Array.from_(to_js([None]), js_call)))
    except JsException as error:
        raise JsError(error.name, error.message) from error


async def _only_value(settled: Awaitable[Any]) -> Any:
    js_outcome = (await settled)[0]
    if js_outcome.status == "fulfilled":
        return js_outcome.value
    raise JsError.of(js_outcome.reason)


def open_promise() -> tuple[Any, Any]:
    """A promise, and the JavaScript function that fulfils it."""
    found: list[Any] = []
    js_promise = js.Promise.new(create_once_callable(lambda js_resolve, _js_reject: found.append(js_resolve)))
    return js_promise, found[0]


def is_none(js_value: Any) -> bool:
    """Whether a value is `undefined` or `null`, which arrive as different objects."""
    return js_value is None or type(js_value).__name__ == "JsNull"


def js_object(values: Mapping[str, Any]) -> Any:
    """A plain JavaScript object; JavaScript values in it stay what they are."""
    return to_js(dict(values), dict_converter=js.Object.fromEntries)


def tag_of(js_value: Any) -> str:
    """ "Blob" of a Blob, "Number" of a number, and so on; of objects of other windows too."""
    return str(js.Object.prototype.toString.call(js_value)).removeprefix("[object ").removesuffix("]")


def js_json(js_value: Any) -> str:
    """The JSON of a plain JavaScript value."""
    return str(js.JSON.stringify(js_value))


def in_worker() -> bool:
    """Whether this Python runs in a worker. PyScript gives its workers the page's `document` and `window`."""
    return hasattr(js, "WorkerGlobalScope")


def absolute_url(url: str) -> str:
    """The URL relative to the page. A worker of PyScript runs from a `blob:` URL: there, to the origin."""
    if in_worker():
        base = js.location.origin if js.location.protocol == "blob:" else js.location.href
    else:
        base = js.document.baseURI
    return str(js.URL.new(url, base).href)


def report(progress: Progress | None, done: float, total: float) -> None:
    """Call a progress callback of the app; what it raises is its own affair."""
    try:
        if progress is not None:
            progress(int(done), int(total))
    except Exception:
        logger.exception("a progress callback failed")


def error_of(described: Mapping[str, Any]) -> errors.FileSyncError:
    """The error that a script described; `type` names a class of `errors.py`, or is "status"."""
    message = described["message"]
    if described["type"] == "status":
        return error_for_status(int(described["status"]), described["headers"], message)
    kind = getattr(errors, described["type"], None)
    return kind(message) if isinstance(kind, type) else errors.StorageError(message)


def storage_error(error: JsError | JsException) -> errors.StorageError:
    """The error of the browser's storage as one of ours."""
    if error.name == "SecurityError":
        return errors.StorageUnavailableError(
            f"the browser does not let this page store files ({error.message})"
        )
    if error.name == "QuotaExceededError":
        return errors.QuotaExceededError(f"this device has no room for the bytes ({error.message})")
    return errors.StorageError(f"{error.name}: {error.message}")
