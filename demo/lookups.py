"""Where cards get the addresses of their pictures from: some at a time, and only for cards on the page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cards import Card

import filesync_web as fs

UrlOf = Callable[[Card], Awaitable[str | None]]
MAX_CONCURRENT = 8


class Lookups:
    """Gives cards what `url_of` says of their files."""

    def __init__(self, url_of: UrlOf) -> None:
        self._url_of = url_of
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, card: Card) -> None:
        """Have the card show its file as soon as there is a turn."""
        task = asyncio.ensure_future(self._load(card))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _load(self, card: Card) -> None:
        wanted = card.source
        async with self._slots:
            if card.is_gone or card.source != wanted:
                return
            try:
                url = await self._url_of(card)
            except fs.FileSyncError:
                url = None  # the card says what is wrong with the file
        if not card.is_gone and wanted is not None and card.source == wanted:
            card.show_image(url)
