"""The Node process in which stores of the real LiveStore live (`node/client.mjs`)."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any


class LiveStoreError(Exception):
    """What LiveStore raised."""


class LiveStoreProcess:
    """Runs operations of client.mjs; may be used from any thread and any event loop."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                ["node", folder / "client.mjs"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            )
        self._ids = itertools.count()
        self._answers: dict[int, Future[Any]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, op: str, **request: Any) -> Future[Any]:
        """Start an operation; the future has its result, or raises `LiveStoreError`."""
        request_id = next(self._ids)
        answer = self._answers[request_id] = Future()
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": request_id, "op": op, **request}) + "\n")
        self._process.stdin.flush()
        return answer

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            message = json.loads(line)
            answer = self._answers.pop(message["id"])
            if not answer.set_running_or_notify_cancel():
                continue
            if "error" in message:
                answer.set_exception(LiveStoreError(message["error"]))
            else:
                answer.set_result(message["result"])
        for answer in self._answers.values():
            if answer.set_running_or_notify_cancel():
                answer.set_exception(LiveStoreError(f"the Node process has ended; see {self._log}"))
