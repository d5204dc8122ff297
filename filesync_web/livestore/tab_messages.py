"""What the tabs of one store tell each other: messages of the store itself, and of the app by topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from filesync_web.aio.listeners import Listeners
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import Channel, Message

_TOPIC = "message"


class TabMessages:
    """One tab's part. Between `join` and `listen` all that comes is dropped: the store is not open yet."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._handlers: Mapping[str, Callable[[Message], None]] = {}
        self._topics: dict[str, Listeners[Json]] = {}
        self._is_listening = False

    def join(self) -> None:
        """Be one of those whom messages reach."""
        self._channel.listen(self._on_message)

    def listen(self, handlers: Mapping[str, Callable[[Message], None]]) -> None:
        """Handle messages from now on: the store's own, by their `type`, as `handlers` say."""
        self._handlers = handlers
        self._is_listening = True

    def leave(self) -> None:
        """No message is handled any more, and none reaches this tab."""
        self._is_listening = False
        self._channel.close()

    def post(self, kind: str, **members: Json) -> None:
        """Send a message of the store."""
        self._channel.post({"type": kind, **members})

    def post_topic(self, topic: str, body: Json) -> None:
        """Send a message of the app."""
        self.post(_TOPIC, topic=topic, body=body)

    def on_topic(self, topic: str, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Call back with what is sent on that topic; returns how to end that."""
        return self._topics.setdefault(topic, Listeners()).add(callback)

    def _on_message(self, message: Message) -> None:
        kind = message.get("type")
        if not self._is_listening or not isinstance(kind, str):
            return
        if kind == _TOPIC:
            listeners = self._topics.get(str(message.get("topic")))
            if listeners is not None:
                listeners.tell(message.get("body"))
        elif (handle := self._handlers.get(kind)) is not None:
            handle(message)
