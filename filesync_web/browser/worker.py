"""Dedicated workers that run our scripts: what loops over small asynchronous steps, or moves bytes.

A *job* is one operation of a script, from the message that starts it to its answer; `jobs.js` is the other
end and lists the messages. The script's text is in this package and reaches the worker by a `blob:` URL: so
it needs no hosting, and of the page's Content-Security-Policy only `worker-src blob:`.

Works on the main thread and in workers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from filesync_web.aio.futures import new_future
from filesync_web.browser.js_util import error_of, js_object, report
from filesync_web.core.scripts import join_scripts
from filesync_web.errors import FileSyncError, InvalidArgumentError, StorageError, StorageUnavailableError
from filesync_web.ports import Progress


@cache
def read_script(name: str) -> str:
    """The text of one of our scripts, with those that it needs, in strict mode."""
    folder = files("filesync_web.browser")
    text = join_scripts(name, lambda name: (folder / name).read_text(encoding="utf-8"))
    return f'"use strict";\n{text}'


class Job:
    """One operation that a worker does; made by `ScriptWorker.start`. `number` names it in messages."""

    def __init__(self, worker: ScriptWorker, number: int, progress: Progress | None) -> None:
        self._worker = worker
        self.number = number
        self._progress = progress
        self._taken: asyncio.Future[Any] | None = None
        self._outcome: tuple[Any, FileSyncError | None] | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def result(self) -> Any:
        """Wait for the value. Raises the error of the operation; cancelled, it first lets it clean up."""
        try:
            await self.ended()
        except asyncio.CancelledError:
            self.abort()
            await self.ended()
            raise
        return self.value()

    @property
    def has_ended(self) -> bool:
        """Whether `result` need not wait."""
        return self._outcome is not None

    def value(self) -> Any:
        """The value, or None when it has not ended; raises the error of the operation."""
        value, error = self._outcome or (None, None)
        if error is not None:
            raise error
        return value

    async def ended(self) -> None:
        """Wait for the end, however it comes."""
        while self._outcome is None:
            waiting: asyncio.Future[None] = new_future()
            self._waiting.append(waiting)
            await waiting

    async def give(self, js_chunk: Any) -> Any:
        """Hand over the next bytes, a `Uint8Array` that is the worker's from now on.

        Returns an array of the same size, to be filled again, when they are used; None when the job has ended
        and wants no more.
        """
        if self._outcome is not None:
            return None
        self._taken = new_future()
        self._worker.post({"id": self.number, "chunk": js_chunk}, [js_chunk.buffer])
        return await self._taken

    def finish(self) -> None:
        """There are no more bytes to come."""
        self._worker.post({"id": self.number, "end": True})

    def abort(self) -> None:
        """Ask the operation to stop; it ends when it has cleaned up."""
        self._worker.post({"id": self.number, "abort": True})

    def receive(self, js_message: Any) -> bool:
        """Take a message of the worker; whether it was the last one."""
        if hasattr(js_message, "taken"):
            self._take(js_message.taken)
        if hasattr(js_message, "progress"):
            report(self._progress, *js_message.progress)
        if hasattr(js_message, "error"):
            self.end(None, error_of(json.loads(js_message.error)))
            return True
        if hasattr(js_message, "value"):
            self.end(js_message.value)
            return True
        return False

    def end(self, value: Any, error: FileSyncError | None = None) -> None:
        """Nothing more comes."""
        if self._outcome is None:
            self._outcome = value, error
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._take(None)

    def _take(self, js_chunk: Any) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(js_chunk)


class ScriptWorker:
    """A dedicated worker that runs one of our scripts; started when it is needed, anew when it has failed.

    `owner` is named in errors and in the browser's tools.
    """

    def __init__(self, script: str, owner: str) -> None:
        self.source = read_script(script)
        self._owner = owner
        self._jobs: dict[int, Job] = {}
        self._last_number = 0
        self._is_ready = False
        self._is_closed = False
        self._js_worker: Any = None
        self._js_url = ""
        self._js_on_message = create_proxy(self._on_message)
        self._js_on_error = create_proxy(self._on_error)

    def launch(self) -> None:
        """Let the worker begin now: by the time of the first operation it has read its script. When there can
        be none, that operation says so."""
        if self._js_worker is None and not self._is_closed:
            with suppress(StorageUnavailableError):
                self._start_worker()

    def start(
        self, operation: str, *, progress: Progress | None = None, transfer: Iterable[Any] = (), **args: Any
    ) -> Job:
        """Start an operation of the script. `args`: what JSON can carry, and JavaScript objects; those in
        `transfer` are the worker's from now on.

        Raises `StorageUnavailableError` when there can be no worker, `InvalidArgumentError` for an object
        that cannot be sent to one, `StorageError` after `close`.
        """
        if self._is_closed:
            raise StorageError(f"{self._owner} was closed")
        if self._js_worker is None:
            self._start_worker()
        self._last_number += 1
        number = self._last_number
        try:
            self.post({"id": number, "op": operation, "args": args}, transfer)
        except JsException as error:
            raise InvalidArgumentError(
                f"a JavaScript object cannot be sent to a worker ({error.name}: {error.message})"
            ) from error
        job = self._jobs[number] = Job(self, number, progress)
        return job

    async def run(self, operation: str, **args: Any) -> Any:
        """Start an operation and wait for its value."""
        return await self.start(operation, **args).result()

    def post(self, message: dict[str, Any], transfer: Iterable[Any] = ()) -> None:
        """Send a message, if the worker still runs; what is transferred is the worker's from now on."""
        if self._js_worker is not None:
            self._js_worker.postMessage(js_object(message), to_js(list(transfer)))

    async def finish(self) -> None:
        """Close it when all its jobs have ended."""
        for job in list(self._jobs.values()):
            await job.ended()
        self.close()

    def close(self) -> None:
        """End the worker, and fail what it still does."""
        if self._is_closed:
            return
        self._is_closed = True
        self._end_worker(StorageError(f"{self._owner} was closed"))
        self._js_on_message.destroy()
        self._js_on_error.destroy()

    def _start_worker(self) -> None:
        js_type = js_object({"type": "text/javascript"})
        self._js_url = js.URL.createObjectURL(js.Blob.new(to_js([self.source]), js_type))
        try:
            self._js_worker = js.Worker.new(self._js_url, js_object({"name": f"filesync-web: {self._owner}"}))
        except JsException as error:
            raise _cannot_start(self._owner) from error
        self._js_worker.onmessage = self._js_on_message
        self._js_worker.onerror = self._js_on_error

    def _end_worker(self, error: FileSyncError) -> None:
        if self._js_worker is not None:
            self._js_worker.onmessage = self._js_worker.onerror = None
            self._js_worker.terminate()
            js.URL.revokeObjectURL(self._js_url)
        self._js_worker, self._is_ready = None, False
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.end(None, error)

    def _on_message(self, js_event: Any) -> None:
        js_message = js_event.data
        if hasattr(js_message, "ready"):
            self._is_ready = True
            js.URL.revokeObjectURL(self._js_url)
            return
        job = self._jobs.get(js_message.id)
        if job is not None and job.receive(js_message):
            del self._jobs[js_message.id]

    def _on_error(self, js_event: Any) -> None:
        js_event.preventDefault()
        if self._is_ready:
            self._end_worker(StorageError(f"the worker of {self._owner} failed: {js_event.message}"))
        else:
            self._end_worker(_cannot_start(self._owner))


def _cannot_start(owner: str) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"the worker of {owner} could not start: does the page's Content-Security-Policy allow "
        "worker-src blob:?"
    )
