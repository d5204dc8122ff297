"""A list of callbacks that are told one kind of thing; an error of one is logged and stops no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Listeners(Generic[T]):
    """Callbacks with one argument, called in the order in which they came."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[T], object]] = []

    def add(self, callback: Callable[[T], object]) -> Callable[[], None]:
        """Call `callback` from now on; returns how to end that."""
        self._callbacks = [*self._callbacks, callback]

        def remove() -> None:
            self._callbacks = [other for other in self._callbacks if other is not callback]

        return remove

    def tell(self, value: T) -> None:
        """Call all."""
        for callback in self._callbacks:
            try:
                callback(value)
            except Exception:
                logger.exception("a callback failed")


@contextmanager
def changes(
    *subscriptions: Callable[[Callable[[object], None]], Callable[[], object]],
) -> Iterator[asyncio.Event]:
    """An event that is set whenever one of these calls back, for who waits for what they tell of. Each gets a
    callback, and returns how to end that."""
    changed = asyncio.Event()

    def note(_: object) -> None:
        changed.set()

    with ExitStack() as ends:
        for subscribe in subscriptions:
            ends.callback(subscribe(note))
        yield changed
