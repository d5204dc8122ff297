"""The events of the transfers: from the tab that runs them to the listeners of every tab.

The other tabs get those of one turn of the loop in one message, and progress with what comes next or a little
later: with many small files there is much of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from filesync_web.aio.listeners import Listeners
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.versions import file_and_content
from filesync_web.livestore.messages import Json
from filesync_web.livestore.store import Store
from filesync_web.ports import Clock, Unsubscribe
from filesync_web.transfers.recent_events import RecentEvents

TOPIC = "file-sync-event"

PROGRESS_DELAY = 0.1
"""Seconds that the other tabs may hear of progress later."""


class EventRelay:
    """Tells events here and to the other tabs of a store, and hears theirs while it is `open`.

    `online` is the one place in a tab that says whether the signer can be reached: what the leading tab,
    this one or another, has told last. None until then. `recent` are the last events that were told here.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._listeners: Listeners[FileSyncEvent] = Listeners()
        self._unsubscribe: Unsubscribe | None = None
        self._unsent: list[dict[str, Any]] = []
        self._is_due = False
        self.online: bool | None = None
        self.recent = RecentEvents(clock)

    def open(self) -> None:
        """Hear the other tabs from now on, beginning with whether the leader is online."""
        if self._unsubscribe is None:
            self._unsubscribe = self._store.on_message(TOPIC, self._on_message)
            self._store.post_message(TOPIC, None)

    def close(self) -> None:
        """Hear them no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def add(self, callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
        """Call back with each event; an error of the callback is logged."""
        return self._listeners.add(callback)

    def clear(self) -> None:
        """Forget all listeners."""
        self._listeners = Listeners()

    def tell(self, event: FileSyncEvent) -> None:
        """Tell this tab and the others. No app knows the id of a version: of an error it is told by that of
        the file, of other things not at all."""
        file_id, version = file_and_content(event.file_id or "")
        if version:
            if event.error is None:
                return
            event = replace(event, file_id=file_id)
        loop = asyncio.get_running_loop()
        if not event.type.endswith(":progress"):
            if not self._is_due:
                self._is_due = True
                loop.call_soon(self._send)
        elif not self._unsent:
            loop.call_later(PROGRESS_DELAY, self._send)
        self._unsent.append(_members(event))
        self.tell_here(event)

    def _send(self) -> None:
        self._is_due = False
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._store.post_message(TOPIC, unsent)

    def _on_message(self, message: Json) -> None:
        if message is None:
            if self._store.leader and self.online is not None:
                told = FileSyncEvent("online" if self.online else "offline")
                self._store.post_message(TOPIC, [_members(told)])
        elif not self._store.leader:
            for event in _events_of(message):
                self.tell_here(event)

    def tell_here(self, event: FileSyncEvent) -> None:
        """Tell this tab alone."""
        if event.type in ("online", "offline"):
            self.online = event.type == "online"
        self.recent.note(event)
        self._listeners.tell(event)


def _members(event: FileSyncEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in FileSyncEvent.__slots__}


def _events_of(message: Json) -> Iterator[FileSyncEvent]:
    """What a tab has told that may run another version of the kit; what is no event is left out."""
    for members in message if isinstance(message, list) else ():
        match members:
            case {"type": str(kind)}:
                file_id, loaded, total, error = map(members.get, ("file_id", "loaded", "total", "error"))
                yield FileSyncEvent(
                    kind,
                    file_id if isinstance(file_id, str) else None,
                    loaded if isinstance(loaded, int) else 0,
                    total if isinstance(total, int) else 0,
                    error if isinstance(error, str) else None,
                )
