"""Many files saved by one call: some at a time, and each by itself, so that a bad one loses no other.

Sources are taken when their turn comes. What goes on at the same time shares transactions of the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import length_hint
from typing import TypeAlias

from filesync_web.core.records import FileOperationResult
from filesync_web.errors import (
    EventTooLargeError,
    FileSyncError,
    InvalidArgumentError,
    QuotaExceededError,
    StorageUnavailableError,
    StoreError,
)
from filesync_web.files.file_to_save import AppEvents, FileToSave, check_events
from filesync_web.files.save_groups import MAX_CONCURRENT_IMPORTS
from filesync_web.ports import Source

logger = logging.getLogger(__name__)

OnResult: TypeAlias = Callable[[int, FileOperationResult | Exception], object]
"""Told the position of a source and what has become of it, as soon as that is known."""

_NAMED = 3
"""Of the files that were not saved, how many a message names."""


class SaveFilesError(FileSyncError, ExceptionGroup[Exception]):
    """Some of many files were not saved; the others are, for good.

    `results`: in the order of the sources, the result of what was saved, None for the rest. `failures`: the
    errors, by the position of the source. What has neither was not begun, since an error had come that would
    be that of all others too. It is an `ExceptionGroup` of these errors, so that `except*` finds them.
    """

    results: list[FileOperationResult | None]
    failures: dict[int, Exception]

    def __new__(
        cls, message: str, failures: Mapping[int, Exception], results: Sequence[FileOperationResult | None]
    ) -> SaveFilesError:
        group = super().__new__(cls, message, list(failures.values()))
        group.failures, group.results = dict(failures), list(results)
        return group


class ManySaves:
    """One call that saves many files by `save`."""

    def __init__(
        self,
        save: Callable[[FileToSave], Awaitable[FileOperationResult]],
        sources: Iterable[Source | FileToSave],
        events: AppEvents | None,
        on_result: OnResult | None,
    ) -> None:
        _check_several(sources)
        check_events(events)
        if on_result is not None and not callable(on_result):
            raise InvalidArgumentError(f"on_result is a function, not {on_result!r:.100}")
        self._save = save
        self._sources = iter(sources)
        self._events = events
        self._on_result = on_result
        self._results: list[FileOperationResult | None] = []
        self._failures: dict[int, Exception] = {}
        self._told: list[str] = []
        self._is_over = False

    async def run(self) -> list[FileOperationResult]:
        """Save them all; returns the results in the order of the sources. Raises `SaveFilesError` at the end
        when some were not saved. When it is cancelled, what is being saved is given up, and is not left
        half-saved; what was saved stays."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(MAX_CONCURRENT_IMPORTS):
                workers.create_task(self._work())
        if self._failures:
            self._results += [None] * length_hint(self._sources)  # what was not begun, of a list
            raise SaveFilesError(self._message(), self._failures, self._results)
        return [result for result in self._results if result is not None]

    async def _work(self) -> None:
        """Save one after another, until none is left or there is no use in going on."""
        while (taken := self._take()) is not None:
            position, file = taken
            try:
                result = await self._save(file)
            except Exception as error:  # whatever the app's sources, preprocessors and functions raise
                self._fail(position, error, _name_of(file))
            else:
                self._results[position] = result
                self._tell(position, result)

    def _take(self) -> tuple[int, FileToSave] | None:
        """The next file, with its position."""
        if self._is_over:
            return None
        position = len(self._results)
        try:
            source = next(self._sources)
        except StopIteration:
            self._is_over = True
            return None
        except Exception as error:  # the app's generator has ended by that
            self._is_over = True
            self._results.append(None)
            self._fail(position, error, "")
            return None
        self._results.append(None)
        file = source if isinstance(source, FileToSave) else FileToSave(source)
        return position, file if file.events is not None else replace(file, events=self._events)

    def _fail(self, position: int, error: Exception, name: str) -> None:
        self._failures[position] = error
        if len(self._told) < _NAMED:
            self._told.append(f"source {position}{name}: {error!r:.200}")
        self._is_over = self._is_over or _concerns_all(error)
        self._tell(position, error)

    def _tell(self, position: int, result: FileOperationResult | Exception) -> None:
        if self._on_result is not None:
            try:
                self._on_result(position, result)
            except Exception:
                logger.exception("the on_result of save_files failed")

    def _message(self) -> str:
        saved = sum(result is not None for result in self._results)
        return f"{len(self._results) - saved} files were not saved, {saved} were; " + "; ".join(self._told)


def _check_several(sources: object) -> None:
    is_one = isinstance(sources, str | bytes | bytearray | memoryview) or hasattr(sources, "read")
    if is_one or not isinstance(sources, Iterable):
        raise InvalidArgumentError(f"save_files takes several sources: [{sources!r:.100}]")


def _name_of(file: FileToSave) -> str:
    """The name of a source in a message, if it has one."""
    name = file.name or getattr(file.source, "name", None) or file.source
    return f" ({name:.100})" if isinstance(name, str) else ""


def _concerns_all(error: Exception) -> bool:
    """Whether the other files would have that error as well."""
    is_of_store = isinstance(error, StoreError) and not isinstance(error, EventTooLargeError)
    return is_of_store or isinstance(error, QuotaExceededError | StorageUnavailableError)
