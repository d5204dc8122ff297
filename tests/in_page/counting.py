"""Counts what the workers of a page ask of the browser: for tests of what an operation costs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filesync_web.browser import worker
from filesync_web.browser.worker import ScriptWorker

# Counts the calls of what goes to another process; `counts` is one more operation of the worker.
_COUNTING = """
const calls = {};
const countCalls = (type, ...names) => {
  for (const name of names) {
    const original = type.prototype[name];
    type.prototype[name] = function (...args) {
      calls[name] = (calls[name] ?? 0) + 1;
      return original.apply(this, args);
    };
  }
};
countCalls(IDBDatabase, "transaction");
countCalls(IDBObjectStore, "get", "getAll", "put");
countCalls(LockManager, "request");
countCalls(StorageManager, "estimate", "getDirectory");
countCalls(FileSystemDirectoryHandle, "getDirectoryHandle", "getFileHandle");
countCalls(FileSystemFileHandle, "createSyncAccessHandle", "getFile", "move");
countCalls(Blob, "arrayBuffer", "stream");
countCalls(SubtleCrypto, "digest");
const postOut = globalThis.postMessage;
globalThis.postMessage = (...args) => {
  calls.answers = (calls.answers ?? 0) + 1;
  postOut(...args);
};
const serveOthers = serve;
serve = (operations) => serveOthers({ ...operations, counts: () => JSON.stringify(calls) });
"""


@contextmanager
def counting() -> Iterator[None]:
    """The workers that are made inside count."""
    module: Any = worker
    read_script = module.read_script
    module.read_script = lambda name: _COUNTING + read_script(name)
    try:
        yield
    finally:
        module.read_script = read_script


class Counted:
    """One of these workers: its calls, and the messages that it gets."""

    def __init__(self, script_worker: ScriptWorker) -> None:
        self._worker: Any = script_worker
        self._messages = 0
        self._questions = 0
        post = self._worker.post

        def counted(*args: Any) -> None:
            self._messages += 1
            post(*args)

        setattr(self._worker, "post", counted)  # noqa: B010 - a method, for its type

    async def counts(self) -> Counter[str]:
        """The numbers until now, without this question; `answers` are messages of the worker."""
        self._messages -= 1
        self._questions += 1
        calls = Counter(json.loads(await self._worker.run("counts")))
        return calls + Counter(messages=self._messages, answers=1 - self._questions)
