"""Python in pages of WebKitGTK, and what the engine lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.test_file_sync import test_save_upload_edit_and_delete as save_upload_edit_and_delete
from tests.browser.test_mount import test_folders_are_listed_and_walked as folders_are_listed_and_walked
from tests.harness import open_pyodide_page
from tests.harness.webkit import WebKitBrowser

_REFUSAL = """
() => new Promise((resolve) => {
    const script = `(async () => {
        const root = await navigator.storage.getDirectory();
        const file = await root.getFileHandle("try", { create: true });
        await file.createSyncAccessHandle();
    })().catch((error) => postMessage(error.name))`;
    new Worker(URL.createObjectURL(new Blob([script]))).onmessage = ({ data }) => resolve(data);
})
"""


@pytest.mark.feature(
    "bare Pyodide, PyScript on the main thread and in a worker",
    "plain `open` and `pathlib` (mounted files)",
    engine="webkit",
)
def test_file_sync_and_mounts_work_on_the_page_and_in_a_worker(
    new_webkit: Callable[[], WebKitBrowser], store_id: str
) -> None:
    """PyScript on the main thread is what the gallery shows."""
    context = cast("BrowserContext", new_webkit())
    for kind in ("bare", "worker"):
        page = open_pyodide_page(context, kind)
        save_upload_edit_and_delete(page, f"{store_id}_{kind}")
        folders_are_listed_and_walked(page, f"{store_id}_{kind}_mounted")
        page.quit()


@pytest.mark.feature(
    "fast writing (synchronous OPFS handles)", engine="webkit", finds="no: refused, so by `createWritable`"
)
@pytest.mark.feature(
    "uploads go on when the last tab is closed", engine="webkit", finds="no: it has no Background Sync"
)
def test_what_it_lacks(new_webkit: Callable[[], WebKitBrowser]) -> None:
    page = new_webkit().new_page()
    page.goto("/testing/bare.html")
    assert page.evaluate(_REFUSAL) == "NotSupportedError"
    assert page.evaluate("typeof SyncManager") == "undefined"
