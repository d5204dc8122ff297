"""Temporary files that never outlive their process by more than one start.

A process holds a lock (`flock`) on a file of its own for as long as it lives; its temporaries carry its name.
A start removes the temporaries of every process whose lock is free: after `kill -9` as well, and without
touching those of a neighbour that is still writing. POSIX only.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from ...shared.disk import make_private_folder, private


class Temporary:
    """A file being written, with the size and the SHA-256 of what was written. Leaving the block removes it,
    unless it was moved to its place before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._file = open(path, "xb", buffering=0, opener=private)  # noqa: SIM115 - an opener, kept open

    def write(self, data: bytes) -> None:
        """Append. Raises OSError (disk full)."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def sync(self) -> None:
        """Return when the bytes are on disk."""
        os.fsync(self._file.fileno())

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Temporaries:
    """The folder of temporaries, as one process sees it."""

    def __init__(self, folder: Path) -> None:
        """Claim a name in the folder and sweep what dead processes left. Blocks."""
        make_private_folder(folder)
        self._folder = folder
        self._name = secrets.token_hex(8)
        self._serial = itertools.count()
        # One start at a time, so that nobody sweeps between our creating the lock file and locking it.
        with open(folder / "sweep.lock", "w", opener=private) as sweep:
            fcntl.flock(sweep, fcntl.LOCK_EX)
            self._sweep()
            self._lock = open(folder / f"{self._name}.alive", "w", opener=private)  # noqa: SIM115
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def new(self) -> Temporary:
        return Temporary(self._folder / f"{self._name}.{next(self._serial)}.part")

    def close(self) -> None:
        (self._folder / f"{self._name}.alive").unlink(missing_ok=True)
        self._lock.close()

    def _sweep(self) -> None:
        living = set()
        for path in self._folder.glob("*.alive"):
            with path.open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    living.add(path.stem)
                else:
                    path.unlink(missing_ok=True)
        for path in self._folder.glob("*.part"):
            if path.name.partition(".")[0] not in living:
                path.unlink(missing_ok=True)
