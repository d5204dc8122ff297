"""Bytes on their way into the directory: a locked temporary file that is hashed while it is written, then
published.

A *partial* is the temporary file of a download. It keeps its bytes when the download breaks, under a name
from which the next try, also of another process, goes on.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from filesync_web import sources
from filesync_web.core import resume
from filesync_web.errors import StorageError
from filesync_web.native.durable import make_durable
from filesync_web.native.locks import try_lock
from filesync_web.ports import BlobInfo

_SWEEP_SECONDS = 1.0
_PAUSE_SECONDS = 0.001


class Incoming:
    """A locked temporary file, hashed while it is written."""

    def __init__(self, path: Path) -> None:
        descriptor = _locked(path)
        self.path = path
        self.size = 0
        self.sha = hashlib.sha256()
        self._is_in_order = True
        self._descriptor: int | None = descriptor

    @property
    def descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.path} is closed")
        return self._descriptor

    def append(self, chunk: bytes) -> None:
        """Write and count."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self._count(chunk)

    def write(self, offset: int, data: memoryview) -> None:
        """Write anywhere. The hash of what does not come in order is taken by `complete`."""
        done = 0
        while done < len(data):
            done += os.pwrite(self.descriptor, data[done:], offset + done)
        self._is_in_order = self._is_in_order and offset == self.size
        if self._is_in_order:
            self.sha.update(data)
        self.size = max(self.size, offset + len(data))

    def complete(self) -> None:
        """Nothing more is written: see to it that the hash is known."""
        if not self._is_in_order:
            with self.path.open("rb") as file:
                self.sha = hashlib.file_digest(file, "sha256")

    def _count(self, chunk: bytes) -> None:
        self.sha.update(chunk)
        self.size += len(chunk)

    def publish(self, folder: Path) -> BlobInfo:
        """Make the bytes durable and give them their name; a file that is there already stays as it is."""
        info = BlobInfo(self.sha.hexdigest(), self.size)
        os.fsync(self.descriptor)
        target = folder / info.content_hash
        if size_of(target) == info.size:
            self.discard()
        else:
            self.path.replace(target)
            self.close()
            make_durable(folder)
        return info

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        if self._descriptor is not None:
            self.path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _locked(path: Path) -> int:
    """Lock a file that nobody else writes: whoever sweeps up may hold it for a moment, to see whether it is
    left over."""
    give_up = time.monotonic() + _SWEEP_SECONDS
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > give_up:
            raise StorageError(f"{path} is in use by another process")
        time.sleep(_PAUSE_SECONDS)
    return descriptor


class Partial(Incoming):
    """A download's temporary file, which goes on from what is there under the hash."""

    def __init__(self, folder: Path, content_hash: str) -> None:
        self.content_hash = content_hash
        found = sorted(folder.glob(resume.partial_name(content_hash, "") + "*"))
        super().__init__(found[0] if found else folder / resume.partial_name(content_hash, ""))
        self.etag = resume.etag_of_partial(self.path.name)

    def take_up(self) -> bool:
        """Count the next piece of what is there already; False at its end."""
        chunk = os.read(self.descriptor, sources.CHUNK_SIZE)
        self._count(chunk)
        return bool(chunk)

    def restart(self, etag: str) -> None:
        """Forget the bytes; those that come are of the entity `etag`."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        path = self.path.with_name(resume.partial_name(self.content_hash, etag))
        self.path.rename(path)
        self.path, self.etag, self.size, self.sha = path, etag, 0, hashlib.sha256()

    def keep(self) -> None:
        """Leave the bytes for a later try."""
        if self.size:
            self.close()
        else:
            self.discard()


def size_of(path: Path) -> int | None:
    """The size of a file, None when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
