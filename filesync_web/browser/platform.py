"""The browser's adapters of what a `FileSync` needs, put together."""

from __future__ import annotations

from typing import Any

from filesync_web.aio.clocks import SystemClock
from filesync_web.browser.background_uploads import ServiceWorkerUploads
from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.connectivity import BrowserConnectivity
from filesync_web.browser.http import BrowserHttp
from filesync_web.browser.locks import WebLocks
from filesync_web.browser.names import PREFIX, leader_lock
from filesync_web.browser.thumbnails import OpfsThumbnails
from filesync_web.core.mounting import Mounted, Tree
from filesync_web.ports import Platform


def browser_platform(store_id: str, *, include_credentials: bool) -> Platform:
    """What a `FileSync` of that store needs."""
    blobs = OpfsBlobStore(store_id)
    return Platform(
        blobs=blobs,
        http=BrowserHttp(include_credentials=include_credentials),
        connectivity=BrowserConnectivity(),
        locks=WebLocks(f"{PREFIX}{store_id}:"),
        clock=SystemClock(),
        background=ServiceWorkerUploads(
            store_id,
            blobs.worker,
            lock=leader_lock(store_id),
            include_credentials=include_credentials,
        ),
        thumbnails=OpfsThumbnails(store_id),
        mount=lambda tree, folder: _mount(tree, blobs, folder),
        describe=_describe,
    )


def _mount(tree: Tree, blobs: OpfsBlobStore, folder: str) -> Mounted:
    from filesync_web.browser.mounted_contents import MountedContents
    from filesync_web.browser.mounted_fs import mount_tree

    return mount_tree(tree, MountedContents(blobs), folder)


async def _describe() -> dict[str, Any]:
    from filesync_web.browser.description import describe_page

    return await describe_page()
