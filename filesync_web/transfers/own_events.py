"""What this tab's engine has written itself: it knows that already, and need not be shown it.

The store tells of every event of every tab, the engine's own among them, and looking at a file again takes
several queries. So an event is expected before it is committed, and is no news when it comes back as it was.
If it comes back again, after a rebase, or another tab has written something else of the file, that is news.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from filesync_web.files.events import file_id_of
from filesync_web.livestore.schema import NewEvent


class OwnEvents:
    """Events that were committed by the engine of this tab, and have not come back yet. Only client-only ones
    are: whether a synced one holds is decided by the log."""

    def __init__(self) -> None:
        self._expected: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)

    def expect(self, events: Iterable[NewEvent]) -> None:
        """These are about to be committed."""
        for event in events:
            file_id = file_id_of(event.args)
            if file_id is not None and not event.definition.synced:
                self._expected[file_id].append((event.definition.name, event.args))

    def clear(self) -> None:
        """Nobody knows any more what was written."""
        self._expected.clear()

    def news(self, events: Iterable[tuple[str, Any]]) -> set[str]:
        """The files of which these events, by wire name and arguments, tell something new."""
        return {
            file_id
            for event in events
            if (file_id := file_id_of(event[1])) is not None and not self._take(file_id, event)
        }

    def _take(self, file_id: str, event: tuple[str, Any]) -> bool:
        """Whether that event is expected; it is so once."""
        expected = self._expected.get(file_id)
        if expected is None or event not in expected:
            return False
        expected.remove(event)
        if not expected:
            del self._expected[file_id]
        return True
