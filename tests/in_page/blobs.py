"""The page's blob store, `kept.blobs`, and what is left in its folder."""

from __future__ import annotations

import js
from pyodide.ffi import JsException

from filesync_web.browser.blobs import OpfsBlobStore
from tests.harness.waiting import until
from tests.in_page import kept


def open_blobs(store_id: str) -> OpfsBlobStore:
    kept.blobs = OpfsBlobStore(store_id)
    return kept.blobs  # type: ignore[no-any-return]


async def leftovers(store_id: str) -> list[str]:
    """The names of all temporary files of a store."""
    root = await js.navigator.storage.getDirectory()
    try:
        for name in ("livestore-filesync-incoming", store_id):
            root = await root.getDirectoryHandle(name)
    except JsException:  # there is no such folder
        return []
    return list(await js.Array.fromAsync(root.keys()))


async def wait_for_none_left(store_id: str) -> None:
    """Some are removed by the blob worker without anybody waiting for it."""

    async def is_empty() -> bool:
        return not await leftovers(store_id)

    await until(is_empty, "no temporary file is left")
