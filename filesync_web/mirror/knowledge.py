"""What a mirror knows of one folder and one store: what it had in step, and the hashes of the folder's files.

It is a SQLite file in the store's data folder, never in the mirrored one. A power cut may take the last of
it: then files that are equal on both sides are recognised as such, and others count as changed on both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path

from filesync_web.errors import OutdatedError, StoreError
from filesync_web.mirror.decisions.steps import Known
from filesync_web.mirror.stamps import Hashed, Stamp
from filesync_web.native.state_file import make_private
from filesync_web.native.system_errors import storing

FORMAT = 1
"""Of the file (`user_version`); a newer one is refused."""
_TABLES = """
CREATE TABLE IF NOT EXISTS known (
    file_id TEXT PRIMARY KEY, path TEXT NOT NULL, content TEXT NOT NULL, name TEXT NOT NULL,
    sent TEXT NOT NULL, arriving TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hashes (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, ctime_ns INTEGER,
    content TEXT NOT NULL, hashed_at_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS removals (
    file_id TEXT PRIMARY KEY, real TEXT NOT NULL, size INTEGER, mtime_ns INTEGER, inode INTEGER,
    ctime_ns INTEGER);
"""


class Knowledge:
    """One file of knowledge, of one process at a time (`Folder.lock`)."""

    def __init__(self, path: Path) -> None:
        with storing(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            if found > FORMAT:
                raise OutdatedError(f"{path} was written by a newer version of filesync: use that")
            self._db.executescript(_TABLES)
            self._db.execute(f"PRAGMA user_version={FORMAT}")
            rows = self._db.execute("SELECT path, file_id, content, name, sent, arriving FROM known")
            self._known = {
                file_id: Known(path, file_id, content, name, tuple(sent.split()), arriving)
                for path, file_id, content, name, sent, arriving in rows
            }
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{path} cannot be read: {error}. Remove it: the mirror then compares both sides anew, and "
                "deletes nothing"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- what was in step

    def all(self) -> list[Known]:
        """Everything that is known, by path."""
        return sorted(self._known.values(), key=lambda known: (known.path, known.file_id))

    def of(self, file_id: str) -> Known | None:
        """What is known of one file."""
        return self._known.get(file_id)

    def note(self, known: Known) -> None:
        """Keep it, in place of what was known of that file."""
        self._db.execute(
            "INSERT OR REPLACE INTO known (path, file_id, content, name, sent, arriving) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (known.path, known.file_id, known.content, known.name, " ".join(known.sent), known.arriving),
        )
        self._known[known.file_id] = known

    def forget(self, file_ids: Iterable[str]) -> None:
        """Drop what is known of these files."""
        for file_id in list(file_ids):
            self._db.execute("DELETE FROM known WHERE file_id = ?", (file_id,))
            self._known.pop(file_id, None)
            self.end_removal(file_id)

    # --- what is just being removed from the folder

    def begin_removal(self, file_id: str, real: str, stamp: Stamp) -> None:
        """The folder's file of that stamp is going to be removed, and forgotten then."""
        self._db.execute(
            "INSERT OR REPLACE INTO removals VALUES (?, ?, ?, ?, ?, ?)", (file_id, real, *astuple(stamp))
        )

    def end_removal(self, file_id: str) -> None:
        """It is over, or was not done."""
        self._db.execute("DELETE FROM removals WHERE file_id = ?", (file_id,))

    def removals(self) -> list[tuple[str, str, Stamp]]:
        """What this mirror was removing when it died: the file's id, its real path and its stamp."""
        rows = self._db.execute("SELECT * FROM removals").fetchall()
        return [(row[0], row[1], Stamp(*row[2:])) for row in rows]

    # --- hashes of the folder's files

    def hashes(self) -> dict[str, Hashed]:
        """The hash that each file had when it was last read, by path."""
        rows = self._db.execute("SELECT * FROM hashes")
        return {row[0]: Hashed(Stamp(*row[1:5]), row[5], row[6]) for row in rows}

    def keep_hashes(self, hashed: dict[str, Hashed], gone: Iterable[str] = ()) -> None:
        """Keep these hashes, and no longer those of `gone`."""
        rows = [
            (path, *astuple(entry.stamp), entry.content, entry.hashed_at_ns) for path, entry in hashed.items()
        ]
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("DELETE FROM hashes WHERE path = ?", [(path,) for path in gone])


def knowledge_file(store_folder: Path, folder: Path) -> Path:
    """Where the knowledge of that folder is kept."""
    name = sha256(bytes(folder.resolve())).hexdigest()[:32]
    return store_folder / "mirrors" / f"{name}.sqlite3"
