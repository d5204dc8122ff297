"""Multipart uploads in a directory: every part is a file, completing joins and verifies them.

    <root>/parts/<upload id>/<number>-<etag>     a part that has arrived whole; its ETag is its SHA-256

The tables are in the index of the `BlobDirectory`, so a part counts when its row is there. All methods block.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from ...shared.disk import make_private_folder, sync_folder
from ..keys import content_hash_of
from ..port import (
    ABANDONED_AFTER,
    InvalidUploadError,
    NewMultipart,
    Part,
    UnknownUploadError,
    Upload,
    part_size_for,
)
from .directory import BlobDirectory, StoredObject
from .temporaries import Temporary

_COPY_BYTES = 1024**2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, content_type TEXT, content_length INTEGER, sha256 TEXT,
    created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;
"""


class MultipartDirectory:
    """The uploads in parts of one `BlobDirectory`. `clock` gives unix time in seconds."""

    def __init__(self, directory: BlobDirectory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._database = directory.database
        self._clock = clock
        self._root = directory.root / "parts"
        make_private_folder(self._root)
        with self._database.write() as db:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
        self._sweep()

    def create(self, upload: Upload) -> NewMultipart:
        """A new upload; also aborts the abandoned ones."""
        self._abort_abandoned()
        upload_id = secrets.token_urlsafe(24)
        folder = self._root / upload_id
        make_private_folder(folder)
        sync_folder(self._root)
        row = (upload_id, upload.key, upload.content_type, upload.content_length, upload.sha256)
        try:
            with self._database.write() as db:
                db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", (*row, self._clock()))
        except OSError:  # there was no room for the row
            folder.rmdir()
            raise
        return NewMultipart(upload_id, part_size_for(upload.content_length))

    def room_for_part(self, key: str, upload_id: str, number: int) -> int | None:
        """How many bytes of what was announced the other parts leave, None where nothing was announced.
        Raises UnknownUploadError."""
        with self._database.read() as db:
            return self._room(db, self._upload(db, key, upload_id), upload_id, number)

    def put_part(self, temporary: Temporary, key: str, upload_id: str, number: int) -> Part:
        """Keep the written bytes as this part, in place of an earlier one. Raises UnknownUploadError, or
        InvalidUploadError when the object would get larger than it was announced."""
        part = Part(number, temporary.sha256, temporary.size)
        temporary.sync()
        old: Part | None = None
        try:
            with self._database.write() as db:
                room = self._room(db, self._upload(db, key, upload_id), upload_id, number)
                if room is not None and part.size > room:
                    raise InvalidUploadError("the parts have more bytes than the object was announced with")
                old = self._part(db, upload_id, number)
                temporary.path.replace(self._path(upload_id, part))
                sync_folder(self._root / upload_id)
                row = (upload_id, number, part.etag, part.size)
                db.execute("REPLACE INTO parts VALUES (?, ?, ?, ?)", row)
        except OSError:  # there was no room for the row
            self._remove_other(upload_id, part, old)
            raise
        if old:
            self._remove_other(upload_id, old, part)
        return part

    def parts(self, key: str, upload_id: str) -> list[Part]:
        with self._database.read() as db:
            self._upload(db, key, upload_id)
            rows = db.execute(
                "SELECT number, etag, size FROM parts WHERE upload_id = ? ORDER BY number", (upload_id,)
            )
            return [Part(*row) for row in rows]

    def complete(self, key: str, upload_id: str, wanted: Sequence[Part]) -> StoredObject:
        """Join the parts into the object. Raises UnknownUploadError, InvalidUploadError; the parts stay
        then."""
        with self._database.read() as db:
            upload = self._upload(db, key, upload_id)
        arrived = self.parts(key, upload_id)
        if [(part.number, part.etag) for part in arrived] != [(part.number, part.etag) for part in wanted]:
            raise InvalidUploadError("the parts are not those that have arrived, in ascending order")
        if not arrived:
            raise InvalidUploadError("there are no parts")
        with self._directory.temporaries.new() as temporary:
            for part in arrived:
                self._append(temporary, upload_id, part)
            if upload.content_length not in {None, temporary.size}:
                raise InvalidUploadError(
                    f"the object has {temporary.size} bytes, {upload.content_length} were announced"
                )
            for promised in (upload.sha256, content_hash_of(key)):
                if promised not in {None, temporary.sha256}:
                    raise InvalidUploadError(f"the object has the SHA-256 {temporary.sha256}, not {promised}")
            stored = self._directory.publish(temporary, key, upload.content_type)
        self.abort(key, upload_id)
        return stored

    def abort(self, key: str, upload_id: str) -> None:
        with self._database.write() as db:
            gone = db.execute("DELETE FROM uploads WHERE id = ? AND key = ? RETURNING id", (upload_id, key))
            if gone.fetchone() is None:
                return
            db.execute("DELETE FROM parts WHERE upload_id = ?", (upload_id,))
        shutil.rmtree(self._root / upload_id, ignore_errors=True)

    def _upload(self, db: sqlite3.Connection, key: str, upload_id: str) -> Upload:
        row = db.execute(
            "SELECT content_type, content_length, sha256 FROM uploads WHERE id = ? AND key = ?",
            (upload_id, key),
        ).fetchone()
        if row is None:
            raise UnknownUploadError("there is no such upload for this key: it ended, or never began")
        return Upload(key, *row)

    def _room(self, db: sqlite3.Connection, upload: Upload, upload_id: str, number: int) -> int | None:
        if upload.content_length is None:
            return None
        others = "SELECT coalesce(sum(size), 0) FROM parts WHERE upload_id = ? AND number <> ?"
        taken: int = db.execute(others, (upload_id, number)).fetchone()[0]
        return upload.content_length - taken

    def _part(self, db: sqlite3.Connection, upload_id: str, number: int) -> Part | None:
        query = "SELECT number, etag, size FROM parts WHERE upload_id = ? AND number = ?"
        row = db.execute(query, (upload_id, number)).fetchone()
        return Part(*row) if row else None

    def _remove_other(self, upload_id: str, part: Part, kept: Part | None) -> None:
        """Remove the bytes of a part, unless they are those that are kept."""
        if kept is None or kept.etag != part.etag:
            self._path(upload_id, part).unlink(missing_ok=True)

    def _path(self, upload_id: str, part: Part) -> Path:
        return self._root / upload_id / f"{part.number}-{part.etag}"

    def _append(self, temporary: Temporary, upload_id: str, part: Part) -> None:
        with self._path(upload_id, part).open("rb", buffering=0) as file:
            while chunk := file.read(_COPY_BYTES):
                temporary.write(chunk)

    def _abort_abandoned(self) -> None:
        with self._database.read() as db:
            limit = self._clock() - ABANDONED_AFTER
            rows = db.execute("SELECT key, id FROM uploads WHERE created_at < ?", (limit,)).fetchall()
        for row in rows:
            self.abort(*row)

    def _sweep(self) -> None:
        self._abort_abandoned()
        with self._database.write() as db:
            known = {row[0] for row in db.execute("SELECT id FROM uploads")}
            kept = {
                (row[0], f"{row[1]}-{row[2]}")
                for row in db.execute("SELECT upload_id, number, etag FROM parts")
            }
            for folder in self._root.iterdir():
                if folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)
                    continue
                for path in folder.iterdir():
                    if (folder.name, path.name) not in kept:
                        path.unlink(missing_ok=True)
