"""The mirrored folder on this disk: what is in it, and how it is changed.

Nothing is followed out of it: symbolic links count as what they are. A file is written beside its place, made
durable, and put there in one step, unless the place has changed since it was looked at (`InTheWayError`).
Everything here blocks; it is called in threads.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filesync_web.errors import FileSyncError, InvalidArgumentError
from filesync_web.mirror.decisions.moves import folders_of
from filesync_web.mirror.decisions.names import TEMPORARY, composed, why_not_mirrored
from filesync_web.mirror.ignore import Ignored
from filesync_web.mirror.plain_files import open_plain
from filesync_web.mirror.stamps import Hashed, Stamp, stamp_of
from filesync_web.native.durable import make_durable

SETTLE_NS = 500_000_000
"""Half a second."""
_GONE = (FileNotFoundError, NotADirectoryError)
"""Says that something is not there any more, or a folder above it."""
_KINDS = ((stat.S_ISLNK, "a symbolic link"), (stat.S_ISSOCK, "a socket"), (stat.S_ISFIFO, "a pipe"))


class InTheWayError(FileSyncError):
    """A place in the folder is not as it was when it was looked at: it is left as it is, for the next
    look."""


@dataclass(slots=True)
class Entry:
    """A file of the folder: where it really is, below the folder, and its stamp."""

    real: str
    stamp: Stamp


@dataclass(slots=True)
class Scan:
    """What is in a folder. `files` and `contents` by path, `real_folders` the real paths of folders by path;
    `left_out` says of what is not mirrored why; `unsettled` are files that are just being written or moved.

    People go on while a folder is looked through, so that it is no picture of one moment. `unread` are the
    inodes of files that are, or may be, somewhere, with a content that this look has not read: a known file
    with one of them is not gone, even though it is nowhere in `files`.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    contents: dict[str, Hashed] = field(default_factory=dict)
    real_folders: dict[str, str] = field(default_factory=lambda: {"": ""})
    left_out: dict[str, str] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    unread: set[int] = field(default_factory=set)

    def put_off(self, path: str, inode: int) -> None:
        """Leave a file to the next look."""
        self.files.pop(path, None)
        self.contents.pop(path, None)
        self.unsettled.add(path)
        self.unread.add(inode)

    def put_off_what_came(self, later: Scan) -> None:
        """Leave to the next look what only a later scan has found: it may have been moved here from a folder
        that this scan had yet to look into."""
        seen = {entry.stamp.inode for entry in self.files.values()}
        for path, entry in later.files.items():
            if entry.stamp.inode not in seen and path not in self.left_out:
                self.put_off(path, entry.stamp.inode)
        self.unread |= later.unread

    def is_blocked(self, path: str) -> bool:
        """Whether something is there, or above, that is left alone."""
        return any(place in self.left_out or place in self.unsettled for place in (path, *folders_of(path)))


class Folder:
    """One mirrored folder. `settle_ns`: nanoseconds for which a file must not have been written before it is
    read. Raises `InvalidArgumentError` when it is none."""

    def __init__(self, root: Path, *, settle_ns: int = SETTLE_NS) -> None:
        if not root.is_dir():
            raise InvalidArgumentError(
                f"{root} is no folder that is there: is it mounted? Nothing was deleted anywhere"
            )
        self.root = root.resolve()
        self._settle_ns = settle_ns

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let nobody else mirror this folder meanwhile. Raises `InvalidArgumentError` when somebody does."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidArgumentError(f"another process mirrors {self.root}: end that first") from None
            yield
        finally:
            os.close(descriptor)

    # --- looking

    def scan(self, ignored: Ignored) -> Scan:
        """Everything in it. Raises `OSError` when the folder itself cannot be read."""
        scan = Scan()
        waiting = [("", "")]
        while waiting:
            path, real = waiting.pop()
            try:
                entries = sorted(os.scandir(self.root / real), key=lambda entry: entry.name)
            except OSError as error:
                if not path:
                    raise
                if isinstance(error, _GONE):
                    scan.unsettled.add(path)
                else:
                    scan.left_out[path] = f"it cannot be read: {error.strerror}"
                continue
            for entry in entries:
                inner = composed(f"{path}/{entry.name}" if path else entry.name)
                if self._add(scan, entry, inner, f"{real}/{entry.name}" if real else entry.name, ignored):
                    waiting.append((inner, scan.real_folders[inner]))
        self._drop_moved(scan)
        return scan

    def _drop_moved(self, scan: Scan) -> None:
        """Drop where files were that have moved on, and were found once more: two paths that stay are links
        to one file."""
        by_inode: dict[int, list[str]] = defaultdict(list)
        for path, entry in scan.files.items():
            by_inode[entry.stamp.inode].append(path)
        for inode, paths in by_inode.items():
            for path in paths if len(paths) > 1 else []:
                if self._inode_at(scan.files[path].real) != inode:
                    del scan.files[path]

    def _inode_at(self, real: str) -> int | None:
        try:
            return (self.root / real).lstat().st_ino
        except OSError:
            return None

    def _add(self, scan: Scan, entry: os.DirEntry[str], path: str, real: str, ignored: Ignored) -> bool:
        """Take one thing into the scan; whether it is a folder to look into."""
        try:
            status = entry.stat(follow_symlinks=False)
        except _GONE:  # or has another name now
            if not ignored.matches(path):
                scan.put_off(path, entry.inode())
            return False
        is_folder = stat.S_ISDIR(status.st_mode)
        if ignored.matches(f"{path}/" if is_folder else path):
            return False
        reason = why_not_mirrored(path) or _why_no_file(status.st_mode)
        if reason is None and not is_folder and path in scan.files:
            reason = f"{scan.files[path].real!r} has the same name in another Unicode form"
        if reason is not None:
            scan.left_out[path if path not in scan.files else real] = reason
        elif is_folder:
            scan.real_folders.setdefault(path, real)
            return True
        else:
            scan.files[path] = Entry(real, stamp_of(status))
        return False

    def read(self, scan: Scan, known: Mapping[str, Hashed]) -> None:
        """Fill in the contents of a scan; only what may have changed is read. What cannot be read, or changes
        meanwhile, moves out of its files."""
        for path, entry in list(scan.files.items()):
            hashed = known.get(path)
            if hashed is not None and hashed.is_of(entry.stamp):
                scan.contents[path] = hashed
                continue
            try:
                now = time.time_ns()
                content = None if self._is_fresh(entry.stamp, now) else self._hash(entry)
            except _GONE:
                content = None
            except OSError as error:
                scan.left_out[path] = f"it cannot be read: {error.strerror}"
                scan.unread.add(entry.stamp.inode)
                del scan.files[path]
                continue
            if content is None:
                scan.put_off(path, entry.stamp.inode)
            else:
                scan.contents[path] = Hashed(entry.stamp, content, now)

    def _hash(self, entry: Entry) -> str | None:
        """The hash of a file; None when it changes while it is read."""
        with os.fdopen(open_plain(self.root / entry.real), "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
            return content if stamp_of(os.fstat(file.fileno())) == entry.stamp else None

    def _is_fresh(self, stamp: Stamp, now_ns: int) -> bool:
        return 0 <= now_ns - stamp.mtime_ns < self._settle_ns

    # --- changing

    def write(self, path: str, source: Path, scan: Scan, *, over: Entry | None, mtime_ns: int) -> Entry:
        """Put a copy of `source` at a path, over the file that is there or where nothing is.

        Raises `InTheWayError`, `OSError`.
        """
        real = over.real if over is not None else self._real(path, scan)
        target = self.root / real
        self._make_parents(target)
        part = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, part)
            if over is not None:
                shutil.copymode(target, part, follow_symlinks=False)
            os.utime(part, ns=(mtime_ns, mtime_ns))
            make_durable(part)
            written = stamp_of(part.lstat())
            if over is None:
                _publish(part, target)
            else:
                self._check(over)
                part.replace(target)
        except FileNotFoundError as error:
            raise InTheWayError(f"{target} has gone while it was written") from error
        finally:
            part.unlink(missing_ok=True)
        make_durable(target.parent)
        return Entry(real, self._stamp_at(real, written))

    def rename(self, entry: Entry, new_path: str, scan: Scan) -> Entry:
        """Give a file another path. Raises `InTheWayError`, `OSError`."""
        self._check(entry)
        real = self._real(new_path, scan)
        target = self.root / real
        self._make_parents(target)
        if os.path.lexists(target):
            raise InTheWayError(f"{target} is there already")
        try:
            (self.root / entry.real).rename(target)
        except FileNotFoundError as error:
            raise InTheWayError(f"{entry.real} has gone") from error
        self._remove_empty_parents(entry.real)
        return Entry(real, self._stamp_at(real, entry.stamp))

    def remove(self, entry: Entry) -> None:
        """Remove a file, with the folders that are empty then. Raises `InTheWayError`, `OSError`."""
        self._check(entry)
        (self.root / entry.real).unlink()
        self._remove_empty_parents(entry.real)

    def remove_leftovers(self) -> None:
        """Remove what a mirror that died was writing."""
        for folder, _folders, names in os.walk(self.root):
            for name in names:
                if name.startswith(TEMPORARY):
                    with suppress(OSError):
                        Path(folder, name).unlink()

    def is_there(self, path: str, scan: Scan) -> bool:
        """Whether something is at a path now."""
        return os.path.lexists(self.root / self._real(path, scan))

    def _check(self, entry: Entry) -> None:
        try:
            now = stamp_of((self.root / entry.real).lstat())
        except _GONE:
            raise InTheWayError(f"{entry.real} has gone") from None
        if now != entry.stamp:
            raise InTheWayError(f"{entry.real} has changed")

    def _stamp_at(self, real: str, written: Stamp) -> Stamp:
        """The stamp of what was put at a place just now, as long as it is that."""
        try:
            now = stamp_of((self.root / real).lstat())
        except _GONE:
            raise InTheWayError(f"{real} was moved as soon as it was there") from None
        if not now.is_same_content(written):
            raise InTheWayError(f"{real} was changed as soon as it was there")
        return now

    def _real(self, path: str, scan: Scan) -> str:
        """Where a path is to be, in folders that may have names of another Unicode form."""
        for folder in reversed(folders_of(path)):
            if folder in scan.real_folders:
                return scan.real_folders[folder] + path[len(folder) :]
        return path

    def _make_parents(self, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InTheWayError(f"a file is where {target.parent} should be") from error
        if target.parent.resolve() != target.parent:  # a link would lead out of the folder
            raise InTheWayError(f"{target.parent} is reached by a symbolic link")

    def _remove_empty_parents(self, real: str) -> None:
        with suppress(OSError):  # it is not empty
            for folder in reversed(folders_of(real)):
                (self.root / folder).rmdir()


def _publish(part: Path, target: Path) -> None:
    """Give a file its name, if nobody has it; on file systems without links that is looked at before."""
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise InTheWayError(f"{target} is there already") from None
    except OSError:
        if os.path.lexists(target):
            raise InTheWayError(f"{target} is there already") from None
        part.replace(target)


def _why_no_file(mode: int) -> str | None:
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return next((f"it is {kind}" for is_kind, kind in _KINDS if is_kind(mode)), "it is no file")
