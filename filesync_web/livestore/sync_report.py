"""What every tab knows of metadata sync: the leading tab does it and tells the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from filesync_web.aio.listeners import Listeners
from filesync_web.livestore.ports import Message
from filesync_web.livestore.replica import Replica
from filesync_web.livestore.sync_status import MetadataSyncStatus

STATUS = "sync-status"
"""The `type` of the message by which the leading tab tells the state of its connection."""


class Post(Protocol):
    """Sends a message of the store to the other tabs."""

    def __call__(self, kind: str, **members: object) -> None: ...


class SyncReport:
    """One tab's knowledge. What the replica says is the same in all tabs; the connection is the leader's."""

    def __init__(self, replica: Replica, post: Post) -> None:
        self._replica = replica
        self._post = post
        self._listeners: Listeners[MetadataSyncStatus] = Listeners()
        self._connected, self._error, self._caught_up, self._remaining = False, "", False, 0
        self._outdated = False
        self.status = MetadataSyncStatus()

    def add_listener(self, callback: Callable[[MetadataSyncStatus], object]) -> Callable[[], None]:
        """Call back with each new status; returns how to end that."""
        return self._listeners.add(callback)

    def connection_changed(
        self, connected: bool, error: str, caught_up: bool = False, remaining: int = 0
    ) -> None:
        """This tab leads, and its connection is so now."""
        self._connected, self._error = connected, error
        self._caught_up, self._remaining = caught_up, remaining
        self.tell()
        self.update()

    def cannot_lead(self, reason: str) -> None:
        """This tab cannot lead; unless another one does and tells, nobody syncs."""
        self._error = reason
        self.update()

    def left_to_newer_version(self, reason: str) -> None:
        """A newer version of the kit has taken over; that ends with this tab."""
        self._connected, self._error, self._outdated = False, reason, True
        self.update()

    def tell(self) -> None:
        """Tell the other tabs how the connection is."""
        news = {"caughtUp": self._caught_up, "remaining": self._remaining}
        self._post(STATUS, connected=self._connected, error=self._error, **news)

    def hear(self, message: Message) -> None:
        """The leading tab has told how its connection is."""
        self._connected, self._error = bool(message.get("connected")), str(message.get("error") or "")
        self._caught_up = bool(message.get("caughtUp"))
        remaining = message.get("remaining")
        self._remaining = remaining if isinstance(remaining, int) else 0
        self.update()

    def update(self) -> None:
        """Look at the replica again, and tell the listeners when something is new."""
        replica = self._replica
        status = MetadataSyncStatus(
            enabled=replica.sync_enabled,
            connected=self._connected,
            pending=len(replica.pending),
            last_error=self._error,
            backend_resets=replica.resets,
            caught_up=self._caught_up,
            remaining=self._remaining,
            outdated=self._outdated,
        )
        if status != self.status:
            self.status = status
            self._listeners.tell(status)
