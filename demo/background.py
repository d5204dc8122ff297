"""Work in the background of the page: it is kept until it has ended, and what goes wrong in it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import trouble

Start = Callable[[Coroutine[Any, Any, None]], None]
"""Runs something in the background, and tells when it fails."""


class Background:
    """`tell` is called with what went wrong, in plain words."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._tell(trouble.plain(error))
