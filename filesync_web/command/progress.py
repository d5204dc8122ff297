"""The bar of a command that moves bytes: how many of how many, how fast, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from filesync_web.command.console import Console
from filesync_web.core.display import FileSyncEvent
from filesync_web.file_sync import FileSync


class ByteCount:
    """How many bytes of some files have moved. `sizes`: of each file, by its id, in bytes."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = dict(sizes)
        self._moved: dict[str, int] = {}
        self.total = sum(self._sizes.values())

    @property
    def moved(self) -> int:
        """The bytes that have moved so far, of all files."""
        return sum(self._moved.values())

    def on_event(self, event: FileSyncEvent) -> None:
        """Count what a transfer tells; one that begins anew counts anew."""
        size = self._sizes.get(event.file_id or "")
        if event.file_id is None or size is None:
            return
        kind = event.type.partition(":")[2]
        if kind == "complete":
            self._moved[event.file_id] = size
        elif kind in {"start", "progress"}:
            self._moved[event.file_id] = min(size, event.loaded)


@contextmanager
def shown_progress(console: Console, files: FileSync, what: str, sizes: Mapping[str, int]) -> Iterator[None]:
    """Show the transfers of these files while the context lasts, where somebody sees it."""
    if not console.shows_progress or not sizes:
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    count = ByteCount(sizes)
    with Progress(*columns, console=console.err, transient=True) as progress:
        task = progress.add_task(what, total=count.total)

        def show(event: FileSyncEvent) -> None:
            count.on_event(event)
            progress.update(task, completed=count.moved)

        unsubscribe = files.on_event(show)
        try:
            yield
        finally:
            unsubscribe()
