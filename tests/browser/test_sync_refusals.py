"""A browser does not tell why it opened no WebSocket; a store in it does."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.harness import PageErrors, PyodidePage, ServerProcess, open_pyodide_page, run_in_pyodide

TOKEN = "dev-token-change-in-production"


@run_in_pyodide
async def last_error(selenium: PyodidePage, store_id: str, url: str, token: str) -> str:
    """What a store says when it cannot sync with that URL and token."""
    from filesync_web import SyncOptions, make_schema, open_store
    from tests.harness.waiting import until

    schema = make_schema(tables={}, events={}, materializers={})
    store = await open_store(schema, store_id=store_id, sync=SyncOptions(url, auth_token=token))
    try:
        return await until(lambda: store.sync_status.last_error, "sync has failed")
    finally:
        await store.close()


def test_a_wrong_token_a_wrong_origin_and_no_network_are_told_apart(
    new_context: Callable[..., BrowserContext],
    new_server: Callable[..., ServerProcess],
    store_id: str,
    page_errors: PageErrors,
) -> None:
    page_errors.allow(".")  # what is refused is also written into the console
    page, elsewhere = open_pyodide_page(new_context()), new_server()
    assert "400: the token is not valid" in last_error(page, store_id, "/sync", "wrong")
    other = f"{elsewhere.url}/sync"  # another port is another origin
    refused = last_error(page, store_id, other, TOKEN)
    assert "does not admit pages of http://" in refused
    assert TOKEN not in refused
    elsewhere.stop()
    gone = last_error(page, store_id, other, TOKEN)
    assert "cannot be reached" in gone
    assert "admit" not in gone


def test_a_page_of_an_origin_that_is_allowed_learns_of_its_wrong_token(
    new_context: Callable[..., BrowserContext],
    new_server: Callable[..., ServerProcess],
    site_url: str,
    store_id: str,
    page_errors: PageErrors,
) -> None:
    page_errors.allow(".")
    page, elsewhere = open_pyodide_page(new_context()), new_server(FILESYNC_ALLOWED_ORIGINS=site_url)
    assert "400: the token is not valid" in last_error(page, store_id, f"{elsewhere.url}/sync", "wrong")
