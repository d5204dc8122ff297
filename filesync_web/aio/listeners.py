"""A list of callbacks that are told one kind of thing; an error of one is logged and stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
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
