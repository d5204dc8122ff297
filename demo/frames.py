"""Painting by frames: once before the screen is drawn anew, however often it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pyscript import document, ffi, when, window

HIDDEN_INTERVAL = 0.1
"""Seconds; the browser draws no frames of a page that nobody sees."""


class Frames:
    """Calls `paint` in the next frame after `ask`; it asks once more when it returns True."""

    def __init__(self, paint: Callable[[], bool]) -> None:
        self._paint = paint
        self._js_run = ffi.create_proxy(self._run)
        self._is_due = False
        when("visibilitychange", document)(self._on_visibility)

    def ask(self) -> None:
        """Paint in the next frame."""
        if not self._is_due:
            self._is_due = True
            self._await_frame()

    def _await_frame(self) -> None:
        if document.hidden:
            asyncio.get_running_loop().call_later(HIDDEN_INTERVAL, self._run)
        else:
            window.requestAnimationFrame(self._js_run)

    def _on_visibility(self, _event: Any) -> None:
        if self._is_due:
            self._await_frame()

    def _run(self, _time: float = 0.0) -> None:
        if not self._is_due:  # another way to the same paint was quicker
            return
        self._is_due = False
        if self._paint():
            self.ask()
