"""What a server counts and refuses, as a page is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PageErrors, PyodidePage, ServerProcess, open_pyodide_page, run_in_pyodide


@run_in_pyodide
async def save_twice(selenium: PyodidePage, store_id: str, signer: str) -> tuple[object, str]:
    """What the page is told of usage after a file that has room, and of a second one that has none."""
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id, signer=signer)
    try:
        await sync.save_file(b"x" * 1000)
        await sync.wait_until_synced()
        status = (await sync.storage_status()).remote
        assert status is not None
        await sync.save_file(b"y" * 1000)
        state = FILES.tables.local_file_state
        error = await until(
            lambda: "".join(row.last_sync_error for row in store.query(state)), "the second is refused"
        )
    finally:
        await close_client()
    return (status.store.bytes, status.store.files, status.store.max_bytes, status.own.bytes), error


@pytest.mark.thorough
def test_a_page_sees_what_is_left_and_why_an_upload_was_refused(
    new_context: Callable[..., BrowserContext],
    new_server: Callable[..., ServerProcess],
    site_url: str,
    store_id: str,
    page_errors: PageErrors,
) -> None:
    page_errors.allow("413")  # the browser writes refused requests into the console
    other = new_server(FILESYNC_ALLOWED_ORIGINS=site_url, FILESYNC_MAX_STORE_BYTES="1500")
    usage, error = save_twice(open_pyodide_page(new_context()), store_id, f"{other.url}/api")
    assert tuple(usage) == (1000, 1, 1500, 1000)
    assert "this store has 500 of 1500 bytes left" in error
