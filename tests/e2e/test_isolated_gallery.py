"""The gallery with the headers that let its pages share memory with workers (COOP and COEP)."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.e2e.gallery import Gallery, picture, png, sha256
from tests.harness import ServerProcess

RED = png(320, 200, (200, 30, 40))


def test_an_isolated_gallery_syncs_and_opens_offline(
    isolated_server: ServerProcess, new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    context = new_context(base_url=isolated_server.url)
    gallery = Gallery.open(context, store_id)
    assert gallery.page.evaluate("crossOriginIsolated")
    gallery.add(picture("red.png", RED))
    gallery.card(0).expect_synced(sha256(RED))
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")
    context.set_offline(True)
    gallery.reload()
    assert gallery.page.evaluate("crossOriginIsolated"), "the service worker keeps the headers too"
    gallery.card(0).expect_image(320, 200)
