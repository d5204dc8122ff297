"""Tells an app of conflicts as they come up, on every device and in every tab."""

from __future__ import annotations

from collections.abc import Callable

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.versions import StoredVersion
from filesync_web.files.workspace import Workspace


class ConflictWatch:
    """Calls `tell` for each file with a conflict that was none before; those that were open when it began
    are no news."""

    def __init__(self, workspace: Workspace, tell: Callable[[FileSyncEvent], None]) -> None:
        query = workspace.tables.versions.conflicts
        self._tell = tell
        self._known = _keys(workspace.store.query(query))
        self.close = workspace.store.subscribe(query, self._on_change)

    def _on_change(self, marked: list[StoredVersion]) -> None:
        known, self._known = self._known, _keys(marked)
        for file_id in sorted({file_id for file_id, _content_hash in self._known - known}):
            self._tell(FileSyncEvent("file:conflict", file_id))


def _keys(marked: list[StoredVersion]) -> set[tuple[str, str]]:
    return {(version.file_id, version.content_hash) for version in marked}
