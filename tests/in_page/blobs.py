"""The page's blob store, `kept.blobs`, and what is left in its folder."""

from __future__ import annotations

import asyncio
from typing import Any

import js
from pyodide.ffi import JsException

from filesync_web.browser.blobs import OpfsBlobStore
from tests.in_page import kept


def open_blobs(store_id: str) -> OpfsBlobStore:
    kept.blobs = OpfsBlobStore(store_id)
    return kept.blobs  # type: ignore[no-any-return]


async def leftovers(store_id: str) -> list[str]:
    """The names of all temporary files of a store. The empty one that a worker makes in advance goes by
    itself soon: that is waited for."""
    for _ in range(100):
        js_handles = await _temporary_files(store_id)
        if not [True for js_handle in js_handles if await _is_empty(js_handle)]:
            break
        await asyncio.sleep(0.02)
    return [js_handle.name for js_handle in js_handles]


async def _temporary_files(store_id: str) -> list[Any]:
    folder = await js.navigator.storage.getDirectory()
    try:
        for name in ("livestore-filesync-incoming", store_id):
            folder = await folder.getDirectoryHandle(name)
    except JsException:  # there is no such folder
        return []
    return list(await js.Array.fromAsync(folder.values()))


async def _is_empty(js_handle: Any) -> bool:
    try:
        return bool(js_handle.name.startswith("put-") and not (await js_handle.getFile()).size)
    except JsException:  # it has gone
        return True
