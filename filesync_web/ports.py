"""What the file sync needs of the outside world; `browser/` and `native/` implement it, `testing/` fakes it.

Bytes pass through Python only where somebody asks for them. Sources and blob handles are opaque to all but
their adapter. Sizes are bytes, times seconds. Every awaiting call may be cancelled; it then aborts the
request or discards the temporary file and raises `asyncio.CancelledError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from filesync_web.core import mounting, open_bytes
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.raster import Raster
from filesync_web.core.storage_status import StorageStatus
from filesync_web.core.thumbnails import Recipe

Source = Any
"""What bytes come from: a JavaScript `File`, bytes, a path, an iterator and so on, as `save_file` says."""
BlobHandle = Any
"""A file's own copy as it is read: a JavaScript `File` in a browser, a `pathlib.Path` on CPython."""
Progress = Callable[[int, int], None]  # bytes moved so far, total bytes (0: unknown)
Unsubscribe = Callable[[], None]
"""Ends a subscription."""
RandomAccess = open_bytes.RandomAccess
NewBytes = open_bytes.NewBytes
FinishedBytes = open_bytes.FinishedBytes
Headers = Mapping[str, str]
HeadersSource = Headers | Callable[[], Headers | Awaitable[Headers]]
"""Headers, or a function, plain or asynchronous, that is asked for them each time."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What was stored: its SHA-256 in hex, and of an image, where it is known, width and height in pixels."""

    content_hash: str
    size: int
    image_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself; empty or None where it does not know."""

    name: str = ""
    mime_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer; header names are lower case.

    `is_elsewhere`: it comes from another place than was asked, and the platform does not tell whether the
    body of the request was sent there as well: after a 303, a browser only asks for a page.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_elsewhere: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class BlobStore(Protocol):
    """Content-addressed bytes of one store, durable on this device.

    Bytes are visible under a hash only when they have it: they are written to a temporary name, verified,
    flushed and renamed, and never rewritten. Two calls, also of two tabs, may store the same at once.
    """

    def describe(self, source: Source) -> SourceInfo:
        """Name, MIME type and size that `source` carries; raises `InvalidArgumentError` for an unusable
        one."""
        ...

    async def put(self, source: Source, *, mime_type: str = "", progress: Progress | None = None) -> BlobInfo:
        """Store the bytes of `source` and return their hash once they are durable.

        `mime_type` is kept beside the content for whoever serves it without a record (the service worker).
        With that of an image, the answer has width and height.

        Raises `InvalidArgumentError`, `QuotaExceededError`, `StorageUnavailableError`, `StorageError`;
        then nothing is left behind.
        """
        ...

    async def download(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        content_hash: str,
        size: int | None,
        mime_type: str = "",
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> BlobInfo:
        """Fetch `url` with GET into the store, going on (Range and If-Range) from what an earlier try
        left here.

        Raises `IntegrityError` (and discards the bytes) when they do not have `content_hash`, the error of
        `core.failures.error_for_status` for another status than 200 or 206, `NetworkError` when the answer
        breaks off, `StallError` when no byte came for `stall_timeout` seconds, `QuotaExceededError`.
        """
        ...

    async def open(self, content_hash: str, *, name: str = "", mime_type: str = "") -> BlobHandle:
        """A handle of the stored bytes, named and typed as asked; raises `BlobNotFoundError`."""
        ...

    async def read(self, content_hash: str) -> bytes:
        """All of the stored bytes, in memory; raises `BlobNotFoundError`."""
        ...

    async def create_bytes(self) -> NewBytes:
        """New bytes, to be written without awaiting. Once they are finished they are a source of this store,
        which `put` takes as they are, without another copy. Raises `StorageError`."""
        ...

    async def open_bytes(self, content_hash: str, *, suspend: bool = False) -> RandomAccess:
        """The stored bytes, to be read and closed. `suspend`: other tasks may run while a read waits, if that
        is faster here. Raises `BlobNotFoundError`."""
        ...

    async def size(self, content_hash: str) -> int | None:
        """The size of the stored bytes, None when there are none under that hash."""
        ...

    async def list(self) -> dict[str, int]:
        """All stored hashes with their sizes; temporary files are left out."""
        ...

    async def delete(self, content_hash: str) -> bool:
        """Remove the bytes; does nothing when there are none. False when they stay, since somebody, also in
        another tab, reads them by `open_bytes`, and the platform cannot remove them meanwhile."""
        ...

    async def has_room(self, size: int) -> bool | None:
        """Whether so many bytes can be written now: by reserving them, not by an estimate; None: unknown."""
        ...

    async def sweep(self) -> int:
        """Remove temporary files that no running call uses any more; returns how many."""
        ...

    async def url(self, content_hash: str, *, mime_type: str = "") -> str:
        """A URL of the own copy for this page (`blob:`) or process (`file:`); one per content. Raises
        `BlobNotFoundError`."""
        ...

    def revoke_url(self, content_hash: str) -> None:
        """Let go of the URL made by `url`; does nothing when there is none."""
        ...

    def close(self) -> None:
        """Let go of all URLs and workers; the stored bytes stay."""
        ...

    async def image_size(self, content_hash: str, *, mime_type: str) -> tuple[int, int] | None:
        """Width and height in pixels of a stored image; None when it is none, or the platform cannot tell."""
        ...

    async def storage_status(self) -> StorageStatus:
        """Persistence, usage and quota; never raises."""
        ...

    async def request_persistence(self) -> bool | None:
        """Ask the platform to keep the storage; whether it will, None when it cannot be asked from here."""
        ...


class Http(Protocol):
    """HTTP as the kit needs it. A call raises `NetworkError` when there is no answer, never for a status."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float,
    ) -> HttpResponse:
        """A small request with a small answer; `timeout` bounds the whole of it."""
        ...

    async def upload(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        blob: BlobHandle,
        start: int = 0,
        end: int | None = None,
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> HttpResponse:
        """Send bytes [start, end) of a stored blob as the body, streamed from the device.

        Raises `StallError` when no byte moved for `stall_timeout` seconds, or no answer came for as long
        after the last one.
        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class ThumbnailStore(Protocol):
    """Small pictures made of the stored blobs of one store. They are kept apart from these, may go at any
    time, and are made again. Each has the name that its recipe gives it.

    A call raises `StorageError` when the device's storage failed.
    """

    async def find(self, name: str) -> str | None:
        """A URL for this page or process of a thumbnail that is there; one per name, until it is removed."""
        ...

    async def make(self, content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
        """Make a thumbnail of a stored blob, unless it is there, and keep it; without room for it, it lasts
        until `close`. False for what cannot be shown as a picture here, or is too large to try.

        Two calls, also of two tabs, make it once. Raises `BlobNotFoundError`.
        """
        ...

    async def raster(self, name: str, *, longest: int) -> Raster | None:
        """The pixels of a thumbnail, shrunk to `longest` on its longer side; None when it is not kept."""
        ...

    async def sizes(self) -> dict[str, int]:
        """The names of all that are kept, with their sizes in bytes."""
        ...

    async def remove(self, names: Iterable[str]) -> None:
        """Remove these, and let go of their URLs."""
        ...

    def close(self) -> None:
        """Let go of all URLs and workers; what is kept stays."""
        ...


class PictureShrinker(Protocol):
    """Makes pictures smaller before they are stored. Sources that can be read once only are not for it."""

    async def header(self, source: Source) -> bytes | None:
        """The beginning of a source; None for one that could not be read again. Raises `StorageError`."""
        ...

    async def shrink(self, source: Source, recipe: Recipe, pixels: tuple[int, int] | None) -> Source | None:
        """The picture as the recipe says; None when it cannot be decoded here. `pixels`: its width and
        height, where they are known."""
        ...

    def size(self, source: Source) -> int:
        """Bytes of a source that has a header, or of what was made of it."""
        ...


@dataclass(frozen=True, slots=True)
class BackgroundUpload:
    """What it takes to upload a stored blob: its key in the object store, and its MIME type."""

    key: str
    content_type: str


class BackgroundUploader(Protocol):
    """Uploads by the platform itself, when no tab is left, and never beside a tab that leads.

    Every call but `stop` raises `StorageError` when nothing can be written down here.
    """

    async def start(self) -> bool:
        """Whether the platform can do it, as soon as that is known; from now on it may, when the tab goes."""
        ...

    def stop(self) -> None:
        """This tab leads no more: another one has to say what waits."""
        ...

    async def file_ids(self) -> set[str]:
        """The files of which anything is written down."""
        ...

    async def change(
        self,
        changes: Mapping[str, BackgroundUpload | None],
        signer_url: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        """Write down what is to be uploaded of these files, None for nothing; durable when it returns.

        `headers` for the signer, None for those of before; they are forgotten with the last upload.
        """
        ...

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        """Whether the platform has uploaded that content of the file."""
        ...

    async def clear(self) -> None:
        """Forget everything of this store."""
        ...


class Connectivity(Protocol):
    """The platform's hint whether there is a network; the probe of the signer decides."""

    def subscribe(self, callback: Callable[[bool], None]) -> Unsubscribe:
        """Call back with True (online) or False (offline) at each change of the hint."""
        ...


class Locks(Protocol):
    """Locks between everything that uses one store on this device: tabs, workers, processes."""

    def hold(self, name: str, *, exclusive: bool) -> AbstractAsyncContextManager[None]:
        """Hold the lock inside the context; many may share it while nobody holds it exclusively.

        First come, first served: who waits for the exclusive lock keeps later ones waiting. A shared lock may
        be kept a moment longer, for the next who shares it through this object; who wants it exclusively
        through this object does not wait for that.
        """
        ...

    def try_hold(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold the lock exclusively inside the context if nobody holds it now; the context says whether."""
        ...


class Clock(Protocol):
    """Time: what the wall clock shows, how much has passed, and waiting.

    The wall clock is set back and forth, by its user and by the network. So `time` is for what is written
    down or comes from elsewhere; whatever waits, times out or compares two moments of this process uses
    `monotonic`.
    """

    def time(self) -> float:
        """Seconds since the epoch, by the wall clock."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, the same for the life of this object; they never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that a `FileSync` needs of the place where it runs.

    `random` spreads retries, and guards nothing. Without `thumbnails` nothing here can make any. `mount`
    shows a tree of files at a folder, where Python's file system is not the system's own; where it is,
    `path_of` tells the path of a content, and raises `BlobNotFoundError`. `describe` tells what a report says
    of the place, in JSON values; a page's service worker under `service_worker`."""

    blobs: BlobStore
    http: Http
    connectivity: Connectivity
    locks: Locks
    clock: Clock
    background: BackgroundUploader | None = None
    thumbnails: ThumbnailStore | None = None
    mount: Callable[[mounting.Tree, str], mounting.Mounted] | None = None
    path_of: Callable[[str], Path] | None = None
    describe: Callable[[], Awaitable[dict[str, Any]]] | None = None
    random: Random = field(default_factory=Random)
