"""Objects in a directory of this machine: bytes in files, names in an index.

    <root>/index.sqlite       key -> SHA-256, size, content type: the one commit point of every change
    <root>/blobs/ab/abcd…     the bytes, under their SHA-256 whatever the key
    <root>/tmp/               uploads in progress
    <root>/damaged/           bytes that no longer had their hash, for whoever wants to look at them

A key never becomes a path, so no spelling of it can leave the directory, meet a symbolic link or a reserved
name, or be too long for the file system; equal contents are stored once. A row is written only when its bytes
are on disk, and bytes are removed only when no row names them: a crash leaves at most bytes without a row,
which the next start removes. Several processes may share the directory. All methods block; call them in a
thread.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from ...shared.database import Database
from ...shared.disk import make_private, make_private_folder, sync_folder
from ..port import ObjectInfo
from .integrity import BlobVerifier, has_its_hash
from .temporaries import Temporaries, Temporary

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, content_type TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_sha256 ON objects (sha256);
"""


class ObjectExistsError(Exception):
    """The key is taken, and the upload was to create it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An index row whose bytes are there."""

    sha256: str
    size: int
    content_type: str | None

    @property
    def info(self) -> ObjectInfo:
        return ObjectInfo(self.size, self.sha256, self.sha256, self.content_type)


class BlobDirectory:
    """The index and the blobs under one root. All methods block."""

    def __init__(self, root: Path) -> None:
        """Open or create the directory and remove what a crash left behind."""
        self.root = root
        self._blobs = root / "blobs"
        self._damaged = root / "damaged"
        for folder in (root, self._blobs, self._damaged):
            make_private_folder(folder)
        make_private(root)
        self.database = Database(root / "index.sqlite", _SCHEMA)  # first: it may be of a newer version
        self.temporaries = Temporaries(root / "tmp")
        self._verifier = BlobVerifier()
        self._sweep()

    def check(self) -> None:
        """Raises OSError or sqlite3.Error when the directory cannot be used."""
        self._blobs.stat()
        with self.database.read() as db:
            db.execute("SELECT 1 FROM objects LIMIT 1").fetchone()

    def find(self, key: str) -> StoredObject | None:
        """The object, or None; an object whose bytes were lost counts as missing, so that it can be uploaded
        again."""
        with self.database.read() as db:
            return self._find(db, key)

    def find_intact(self, key: str) -> StoredObject | None:
        """The object, or None, after its bytes were verified.

        Damaged bytes are set aside: from then on the object counts as missing, so that who has the right
        bytes can upload them again.
        """
        stored = self.find(key)
        try:
            is_intact = stored is not None and self._is_intact(stored.sha256, self._verifier.is_intact)
        except FileNotFoundError:  # deleted meanwhile
            return None
        return stored if is_intact else None

    def verify(self) -> Iterator[tuple[str, str]]:
        """Read everything. Yields what is wrong ("damaged", "missing") and the key of each object that is not
        intact, and sets damaged bytes aside."""
        with self.database.read() as db:
            keys = db.execute("SELECT key, sha256 FROM objects ORDER BY sha256, key").fetchall()
        for sha256, group in groupby(keys, key=lambda row: row[1]):
            try:
                problem = None if self._is_intact(sha256, has_its_hash) else "damaged"
            except FileNotFoundError:
                problem = "missing"
            if problem:
                yield from ((problem, key) for key, _ in group)

    def open(self, stored: StoredObject) -> BinaryIO:
        """Its bytes; the open file stays readable when the object is deleted. Raises FileNotFoundError."""
        descriptor = os.open(self._path(stored.sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return os.fdopen(descriptor, "rb", buffering=0)

    def publish(
        self, temporary: Temporary, key: str, content_type: str | None, *, create_only: bool = False
    ) -> StoredObject:
        """Make the written bytes the object `key`, durably and at once. Raises ObjectExistsError, OSError."""
        stored = StoredObject(temporary.sha256, temporary.size, content_type)
        temporary.sync()
        try:
            with self.database.write() as db:
                before = self._find(db, key)
                if before and create_only:
                    raise ObjectExistsError(key)
                self._move(temporary, self._path(stored.sha256))
                db.execute(
                    "REPLACE INTO objects (key, sha256, size, content_type) VALUES (?, ?, ?, ?)",
                    (key, stored.sha256, stored.size, content_type),
                )
        except OSError:  # there was no room for the row
            self._remove_unused(stored.sha256)
            raise
        if before and before.sha256 != stored.sha256:
            self._remove_unused(before.sha256)
        return stored

    def delete(self, key: str) -> None:
        """Remove the object; its bytes go with the last key that names them."""
        with self.database.write() as db:
            row = db.execute("DELETE FROM objects WHERE key = ? RETURNING sha256", (key,)).fetchone()
        if row:
            self._remove_unused(row[0])

    def close(self) -> None:
        self.database.close()
        self.temporaries.close()

    def _path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def _find(self, db: sqlite3.Connection, key: str) -> StoredObject | None:
        row = db.execute("SELECT sha256, size, content_type FROM objects WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            present = self._path(row[0]).lstat().st_size == row[1]
        except FileNotFoundError:
            return None
        return StoredObject(*row) if present else None

    def _is_intact(self, sha256: str, is_intact: Callable[[Path], bool]) -> bool:
        """Ask about a blob, and set it aside when it is damaged. Raises FileNotFoundError."""
        path = self._path(sha256)
        before = path.lstat()
        if is_intact(path):
            return True
        with self.database.write():  # so that nobody puts the right bytes there meanwhile
            if path.lstat().st_ino == before.st_ino:
                log.error("the bytes of %s are damaged and were set aside", sha256)
                path.replace(self._damaged / f"{sha256}.{before.st_ino}")
        return False

    def _move(self, temporary: Temporary, target: Path) -> None:
        if not target.parent.is_dir():
            make_private_folder(target.parent)
            sync_folder(self._blobs)
        temporary.path.replace(target)
        sync_folder(target.parent)

    def _remove_unused(self, sha256: str) -> None:
        # In a write transaction of its own, after the row is durably gone: nobody can publish in between, and
        # a crash before the unlink leaves bytes without a row, never a row without bytes.
        with self.database.write() as db:
            if not db.execute("SELECT 1 FROM objects WHERE sha256 = ?", (sha256,)).fetchone():
                self._path(sha256).unlink(missing_ok=True)

    def _sweep(self) -> None:
        with self.database.write() as db:
            for path in self._blobs.glob("*/*"):
                if not db.execute("SELECT 1 FROM objects WHERE sha256 = ?", (path.name,)).fetchone():
                    path.unlink()
