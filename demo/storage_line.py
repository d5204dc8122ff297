"""The line in the sync panel about the storage on this device, and the way to its view."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import space_words
from background import Start
from pace import Pace
from parts import Parts
from past import Past, View
from pyscript import when
from space import Space

if TYPE_CHECKING:
    from sheet import Sheet

REST, LONGEST_REST = 50.0, 10.0
"""How long to rest between two readings, as `Pace` has it: each looks at every file on the device."""


class StorageLine:
    """Is read while the panel is open. The view is loaded when it is opened."""

    def __init__(self, root: Any, space: Space, past: Past, start: Start, *, local_only: bool) -> None:
        self._parts = Parts(root)
        self._space = space
        self._start = start
        self._local_only = local_only
        self._pace = Pace(lambda: start(self._read()), REST, LONGEST_REST)
        when("click", self._parts["storage"])(lambda _event: past.open(self._view))

    def read_soon(self) -> None:
        """Something may have changed."""
        self._pace.ask()

    def _view(self, sheet: Sheet, start: Start) -> View:
        from storage import StorageView

        return StorageView(sheet, self._space, start, local_only=self._local_only)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._parts.write("storage-text", space_words.here(await self._space.status()))
        self._pace.took(loop.time() - started)
