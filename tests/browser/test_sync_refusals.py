"""A browser does not tell why it opened no WebSocket; a store in it does."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.harness import PageErrors, ServerProcess, open_python_page, run_python

TOKEN = "dev-token-change-in-production"

LAST_ERROR = """
import asyncio
from filesync_web import SyncOptions, make_schema, open_store
schema = make_schema(tables={}, events={}, materializers={})
store = await open_store(schema, store_id=store_id, sync=SyncOptions(url, auth_token=token))
async with asyncio.timeout(20):
    while not store.sync_status.last_error:
        await asyncio.sleep(0.02)
error = store.sync_status.last_error
await store.close()
return error
"""


def test_a_wrong_token_a_wrong_origin_and_no_network_are_told_apart(
    new_context: Callable[..., BrowserContext],
    new_server: Callable[..., ServerProcess],
    store_id: str,
    page_errors: PageErrors,
) -> None:
    page_errors.allow(".")  # what is refused is also written into the console
    page, elsewhere = open_python_page(new_context()), new_server()

    def last_error(url: str, token: str) -> str:
        return str(run_python(page, LAST_ERROR, store_id=store_id, url=url, token=token))

    assert "400: the token is not valid" in last_error("/sync", "secret-secret")
    other = f"{elsewhere.url}/sync"  # another port is another origin
    refused = last_error(other, TOKEN)
    assert "does not admit pages of http://" in refused
    assert "secret" not in refused
    assert TOKEN not in refused
    elsewhere.stop()
    assert "cannot be reached" in last_error(other, TOKEN)
    assert "403" not in last_error(other, TOKEN)


def test_a_page_of_an_origin_that_is_allowed_learns_of_its_wrong_token(
    new_context: Callable[..., BrowserContext],
    new_server: Callable[..., ServerProcess],
    site_url: str,
    store_id: str,
    page_errors: PageErrors,
) -> None:
    page_errors.allow(".")
    page, elsewhere = open_python_page(new_context()), new_server(ALLOWED_ORIGINS=site_url)
    found = run_python(page, LAST_ERROR, store_id=store_id, url=f"{elsewhere.url}/sync", token="wrong")
    assert "400: the token is not valid" in found
