"""Wakes who waits for the bytes of a file: when something is told of that file or of its content.

Each event is about one file, and many may be waited for at a time: were all of them woken by each event, each
would look for its bytes once for every other one that arrives.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from filesync_web.core.records import FileRecord
from filesync_web.core.versions import file_and_content
from filesync_web.files.events import file_id_of
from filesync_web.files.workspace import Workspace

_CONTENT_ARGS = ("contentHash", "localHash")


class News:
    """What the store tells of its files, to those who wait for it."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = workspace.store
        self._tables = workspace.tables
        self._epoch = 0
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # by file, and by content
        self._subscriptions = ExitStack()

    @contextmanager
    def of(self, record: FileRecord) -> Iterator[asyncio.Event]:
        """An event that is set when something of the record's file or of its content may have changed, and by
        `wake_all`. The record may be a version's."""
        news, subjects = asyncio.Event(), (file_and_content(record.id)[0], record.content_hash)
        if not self._waiting:
            self._subscribe()
        for subject in subjects:
            self._waiting[subject].add(news)
        try:
            yield news
        finally:
            for subject in subjects:
                self._waiting[subject].discard(news)
                if not self._waiting[subject]:
                    del self._waiting[subject]
            if not self._waiting:
                self._subscriptions.close()

    def wake_all(self, _told: object = None) -> None:
        """Wake everybody."""
        for waiting in self._waiting.values():
            for news in waiting:
                news.set()

    def _subscribe(self) -> None:
        self._epoch = self._store.epoch
        self._subscriptions.callback(self._store.subscribe(self._tables.watched, self._on_tables))
        self._subscriptions.callback(self._store.on_events(self._on_events))
        self._subscriptions.callback(self._store.on_close(self.wake_all))

    def _on_tables(self, _names: frozenset[str]) -> None:
        if self._store.epoch != self._epoch:  # no event tells which records have vanished
            self._epoch = self._store.epoch
            self.wake_all()

    def _on_events(self, events: Iterable[tuple[str, Any]]) -> None:
        for _name, args in events:
            for subject in _subjects(args):
                for news in self._waiting.get(subject, ()):
                    news.set()


def _subjects(args: Any) -> Iterator[str]:
    """The file and the contents that an event is about, by its wire arguments, whoever has made it."""
    if (file_id := file_id_of(args)) is not None:
        yield file_id
    if isinstance(args, dict):
        yield from (value for name in _CONTENT_ARGS if isinstance(value := args.get(name), str))
