"""The events of the transfers: from the tab that runs them to the listeners of every tab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from filesync_web.aio.listeners import Listeners
from filesync_web.core.display import FileSyncEvent
from filesync_web.livestore.messages import Json
from filesync_web.livestore.store import Store
from filesync_web.ports import Unsubscribe

TOPIC = "file-sync-event"


class EventRelay:
    """Tells events here and to the other tabs of a store, and hears theirs while it is `open`.

    `online` is the one place in a tab that says whether the signer can be reached: what the leading tab,
    this one or another, has told last. None until then.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: Listeners[FileSyncEvent] = Listeners()
        self._unsubscribe: Unsubscribe | None = None
        self.online: bool | None = None

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
        """Tell this tab and the others."""
        self._store.post_message(TOPIC, asdict(event))
        self._tell_here(event)

    def _on_message(self, message: Json) -> None:
        if message is None:
            if self._store.leader and self.online is not None:
                told = FileSyncEvent("online" if self.online else "offline")
                self._store.post_message(TOPIC, asdict(told))
        elif not self._store.leader and (event := _event_of(message)) is not None:
            self._tell_here(event)

    def _tell_here(self, event: FileSyncEvent) -> None:
        if event.type in ("online", "offline"):
            self.online = event.type == "online"
        self._listeners.tell(event)


def _event_of(message: Json) -> FileSyncEvent | None:
    """What a tab has told that may run another version of the kit; None when it is no event."""
    match message:
        case {"type": str(kind)}:
            file_id, loaded, total, error = map(message.get, ("file_id", "loaded", "total", "error"))
            return FileSyncEvent(
                kind,
                file_id if isinstance(file_id, str) else None,
                loaded if isinstance(loaded, int) else 0,
                total if isinstance(total, int) else 0,
                error if isinstance(error, str) else None,
            )
    return None
