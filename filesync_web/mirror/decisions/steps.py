"""What a mirror sees, and the steps that it takes.

A *path* names a file on both sides: in the folder, relative to it and with `/` between, and in the store's
tree (`names.store_files`). A *content* is the SHA-256 of a file's bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Known:
    """One file that this mirror had in step: it had put it into the store, or got it from there.

    `path` is the folder's. `name` is what the store called the file, so that a path which only changes since
    other files come and go is no new name. `content` is what both sides had when they were last equal and the
    sync backend had confirmed it; "" for none. `sent` is what the folder has given the store since, the
    newest last: as long as it is not confirmed, somebody else's edit may turn out to have come first, and
    then the folder's is the second of two; or what it has deleted there. `arriving` is what is just being
    written into the folder. Both are noted before it is done, so that it is recognised if this process dies
    then: a file of the store that is noted, but is not there, was never made.
    """

    path: str
    file_id: str
    content: str
    name: str
    sent: tuple[str, ...] = ()
    arriving: str = ""

    @property
    def last(self) -> str:
        """What both sides had last, as far as is known here."""
        return self.sent[-1] if self.sent else self.content

    def is_own(self, content: str) -> bool:
        """Whether the store has that content from here, or from when both sides were equal: it is nobody
        else's edit."""
        return content == self.content or content in self.sent

    def sending(self, content: str, base: str) -> Known:
        """The same when the store is going to be given that content, and still has `base`: it will have one
        of the two, should this process die then."""
        return replace(self, sent=(base, content) if base in self.sent else (content,))


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A live file of the store: `path` is its own, `name` the path that its name asks for, which it does not
    have when an older file has it."""

    file_id: str
    path: str
    name: str
    content: str


@dataclass(frozen=True, slots=True)
class View:
    """Both sides at one moment.

    `folder`: content by path. `store`: the live files by id. `deleted`: the ids of what was deleted by
    somebody; an id that is in neither has vanished, which is no deletion. `moving`: the ids of known files
    that, when they are nowhere in `folder`, may be there all the same, under a path that could not be read.
    `is_blocked` says of a path that something is there, or above it, which is left alone. `is_confirmed`: the
    sync backend has everything that this device has written, and the other way round.
    """

    known: Sequence[Known]
    folder: Mapping[str, str]
    store: Mapping[str, StoreFile]
    deleted: Set[str] = frozenset()
    moving: Set[str] = frozenset()
    is_blocked: Callable[[str], bool] = lambda _path: False
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """Both sides are in step: only what is known changes."""

    known: Known


@dataclass(frozen=True, slots=True)
class Forget:
    """The file is gone on both sides, or is another one: only what is known changes."""

    known: Known


@dataclass(frozen=True, slots=True)
class PutNew:
    """The folder's file at `path` becomes a new file of the store, called `name`; its id is noted before it
    is made."""

    path: str
    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Update:
    """The folder's file at `path` becomes the content of a file of the store, if that still has the content
    `base`."""

    file_id: str
    path: str
    content: str
    base: str


@dataclass(frozen=True, slots=True)
class RenameInStore:
    """A file of the store is called as it is called in the folder."""

    file_id: str
    path: str


@dataclass(frozen=True, slots=True)
class DeleteInStore:
    """A file of the store is deleted, if it still has the content `base`."""

    file_id: str
    path: str
    base: str


@dataclass(frozen=True, slots=True)
class RemoveInFolder:
    """The folder's file at `path` is removed, if it still has that content."""

    file_id: str
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class RenameInFolder:
    """The folder's file at `path` gets the path `new_path`, which is free by then."""

    file_id: str
    path: str
    new_path: str


@dataclass(frozen=True, slots=True)
class Write:
    """A content of the store is written to the folder at `path`: over the content `over`, or where nothing
    is."""

    file_id: str
    path: str
    content: str
    name: str
    over: str | None = None


Step = (
    Note | Forget | PutNew | Update | RenameInStore | DeleteInStore | RemoveInFolder | RenameInFolder | Write
)

Deletion = DeleteInStore | RemoveInFolder
