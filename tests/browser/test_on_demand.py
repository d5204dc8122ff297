"""A second device on which files stay elsewhere until somebody wants them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide


@run_in_pyodide
async def save_and_upload(selenium: PyodidePage, store_id: str) -> None:
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, open_client

    store, sync = await open_client(store_id)
    for name in ("one", "two"):
        await sync.save_file(name.encode(), name=name)
    files = FILES.tables.files
    await until(lambda: all(record.remote_key for record in store.query(files)), "they are uploaded")
    await until(lambda: not store.unconfirmed(), "the backend knows of them")


@run_in_pyodide
async def read_on_demand(selenium: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id, downloads="on_demand")
    try:

        def on_demand() -> int:
            return fs.get_sync_status(store.query(FILES.tables.local_file_state)).on_demand_count

        await until(lambda: on_demand() == 2, "both are known, and on demand")
        one, two = sorted(
            store.query(FILES.tables.files), key=lambda record: fs.get_file_metadata(record).name or ""
        )
        js_file = await sync.read_file(one.id)
        assert await js_file.text() == "one"
        await until(lambda: on_demand() == 1, "it is written down that it is here")
        assert await sync.get_file_url(two.id) is None
        local = FILES.tables.local_file_state
        await until(lambda: all(row.local_hash for row in store.query(local)), "the other one is here")
        assert on_demand() == 0
        assert str(await sync.get_file_url(two.id)).startswith("blob:")
    finally:
        await close_client()


@pytest.mark.thorough
def test_files_stay_elsewhere_until_they_are_wanted(
    selenium: PyodidePage, new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    save_and_upload(selenium, store_id)
    read_on_demand(open_pyodide_page(new_context()), store_id)
