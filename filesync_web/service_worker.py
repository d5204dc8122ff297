"""The registered service worker, as an app sees it; `browser.service_worker` makes one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from filesync_web.ports import HeadersSource


@dataclass(frozen=True, slots=True)
class PrefetchReport:
    """What became of each path: fetched now, on this device already, or failed with a message."""

    fetched: tuple[str, ...]
    present: tuple[str, ...]
    failed: Mapping[str, str]


class FileSyncServiceWorker(Protocol):
    """A registered service worker that controls this page; made by `register_file_sync_service_worker`.

    Every call raises `ServiceWorkerError` when the worker cannot be reached or says that it failed.
    """

    @property
    def scope(self) -> str:
        """The URL below which pages are controlled."""
        ...

    @property
    def update_waiting(self) -> bool:
        """Whether a new version is installed and waits for its turn."""
        ...

    async def configure(
        self, *, signer_base_url: str | None = None, headers: HeadersSource | None = None
    ) -> None:
        """Replace signer and headers of this page, after another user has signed in, say."""
        ...

    async def status(self) -> dict[str, Any]:
        """What the worker says: build, prefix, signer, cacheRemote, cached {files, bytes}, precached."""
        ...

    async def prefetch(self, paths: Iterable[str]) -> PrefetchReport:
        """Bring remote files onto this device, verified; a path is a record's, or the URL path of one."""
        ...

    async def clear_cache(self) -> dict[str, int]:
        """Remove the remote files that the worker keeps: {files, bytes} removed. Own copies stay."""
        ...

    async def check_for_update(self) -> bool:
        """Ask the server for a new version, and install it; whether one waits now."""
        ...

    async def activate_update(self) -> None:
        """Let the waiting version take over every page of the scope; reload the page to see its app shell."""
        ...


OnUpdate = Callable[[FileSyncServiceWorker], Awaitable[None] | None]
"""Called, plainly or asynchronously, whenever a new version waits."""
