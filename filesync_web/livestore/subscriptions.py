"""Who wants to know about changes, and who is told.

A subscription to a query is told its new rows when they differ from the last ones; one to tables is told the
names of those that were written. Both once per batch of events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from filesync_web.core.light_dataclass import dataclass

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Subscription:
    tables: frozenset[str]
    read: Callable[[], Sequence[Any]] | None
    callback: Callable[[Any], object]
    last: Sequence[Any] | None = None


class Subscriptions:
    """The subscriptions of one store."""

    def __init__(self) -> None:
        self._all: list[_Subscription] = []

    def add_query(
        self,
        tables: frozenset[str],
        read: Callable[[], Sequence[Any]],
        rows: Sequence[Any],
        callback: Callable[[Any], object],
    ) -> Callable[[], None]:
        """Tell `callback` the rows that `read` gives when they are others than `rows`; returns how to
        unsubscribe.
        """
        return self._add(_Subscription(tables, read, callback, rows))

    def add_tables(
        self, tables: frozenset[str], callback: Callable[[frozenset[str]], object]
    ) -> Callable[[], None]:
        """Tell `callback` which of `tables` were written; returns how to unsubscribe."""
        return self._add(_Subscription(tables, None, callback))

    def clear(self) -> None:
        """Tell nobody any more."""
        self._all.clear()

    def notify(self, changed: set[str]) -> None:
        """Tell whom it concerns that these tables were written. A callback's error is logged; the others go
        on.
        """
        for subscription in list(self._all):
            written = subscription.tables & changed
            if written and subscription in self._all:
                try:
                    _tell(subscription, written)
                except Exception:
                    logger.exception("a subscriber failed")

    def _add(self, subscription: _Subscription) -> Callable[[], None]:
        self._all.append(subscription)

        def unsubscribe() -> None:
            if subscription in self._all:
                self._all.remove(subscription)

        return unsubscribe


def _tell(subscription: _Subscription, written: frozenset[str]) -> None:
    if subscription.read is None:
        subscription.callback(written)
        return
    rows = subscription.read()
    if rows != subscription.last:
        subscription.last = rows
        subscription.callback(rows)
