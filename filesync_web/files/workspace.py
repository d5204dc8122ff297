"""What every part of the file sync works on, in one value."""

from __future__ import annotations

from filesync_web.core.light_dataclass import dataclass
from filesync_web.files.events import FileEvents
from filesync_web.files.saves import Saves
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.store import Store
from filesync_web.ports import Platform
from filesync_web.remote.object_store import Remote


@dataclass(frozen=True, slots=True)
class Workspace:
    """One store and its surroundings.

    `tables` reads the store's file tables, `events` makes the events that change them. `remote` is the object
    store; `platform` has everything else of the place where this runs; `saves` knows what this tab is saving.
    """

    store: Store
    tables: FileSyncTables
    events: FileEvents
    remote: Remote
    platform: Platform
    saves: Saves

    def now_ms(self) -> int:
        """The wall clock in milliseconds since the epoch, as records and rows have their times."""
        return self.tables.versions.now_ms()
