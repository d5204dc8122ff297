"""The app shell: the site opens without its server, updates as a whole, and leaves nothing old behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page

from filesync_web.sw import precache_entries
from tests.browser.controlled_page import message, open_controlled_page
from tests.browser.scripted_site import PAGE, ScriptedSite

REGISTER = "() => navigator.serviceWorker.register('/filesync-sw.js').then(() => 0)"

UPDATE = """
async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update();
    const worker = registration.installing ?? registration.waiting;
    if (!worker) return "none";
    while (worker.state === "installing")
        await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    return worker.state;
}
"""

SKIP_WAITING = """
async () => {
    const { waiting } = await navigator.serviceWorker.getRegistration();
    const changed = new Promise((resolve) => (navigator.serviceWorker.oncontrollerchange = resolve));
    waiting.postMessage({ type: "filesync:skip-waiting" });
    await changed;
    while (waiting.state !== "activated")
        await new Promise((resolve) => waiting.addEventListener("statechange", resolve, { once: true }));
}
"""

CACHED = """
async () => {
    const found = {};
    for (const name of await caches.keys())
        for (const { url } of await (await caches.open(name)).keys()) {
            const { pathname, searchParams } = new URL(url);
            found[pathname] = [...(found[pathname] ?? []), searchParams.get("filesync-revision")];
        }
    return found;
}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ScriptedSite]:
    """A site of a page, a folder with a page, a script and a file that never changes."""
    made = ScriptedSite(tmp_path)
    made.write("docs/index.html", PAGE.format(title="docs"))
    made.write("stable.txt", "stable")
    publish(made, "one")
    made.start()
    yield made
    made.stop()


def publish(site: ScriptedSite, version: str) -> None:
    """Write the files of a version, and the worker for them."""
    site.write("index.html", PAGE.format(title=version) + '<script src="app.js?v=1"></script>')
    site.write("app.js", f"document.title = 'script {version}';")
    write_worker(site)


def write_worker(site: ScriptedSite) -> None:
    entries = dict(precache_entries(site.folder))
    entries["./app.js?v=1"] = entries.pop("./app.js")
    site.write_worker(precache=tuple(entries.items()), navigation_fallback="./")


def shown(page: Page) -> tuple[str, str]:
    return page.inner_text("#text"), page.title()


@pytest.fixture
def page(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> Page:
    return open_controlled_page(new_context(base_url=site.url), "/?storeId=x")


@pytest.mark.firefox
def test_site_opens_in_a_fresh_tab_without_its_server(page: Page, site: ScriptedSite) -> None:
    site.stop()
    page.close()
    tab = page.context.new_page()
    for url in ("/", "/index.html", "/?storeId=other&x=1", "/#part"):
        tab.goto(url)
        assert shown(tab) == ("one", "script one")
    tab.goto("/docs/")
    assert tab.inner_text("#text") == "docs"
    tab.goto("/route/of/the/app")
    assert tab.inner_text("#text") == "one", "the shell opens for pages that cannot be loaded"


def test_browser_restart_without_server(site: ScriptedSite, new_profile: Callable[..., object]) -> None:
    profile = new_profile(site.url)
    page = open_controlled_page(profile.open(), "/")
    assert shown(page) == ("one", "script one")
    profile.close()
    site.stop()
    tab = profile.open().new_page()
    tab.goto("/")
    assert shown(tab) == ("one", "script one")


def test_precached_files_come_from_the_cache(page: Page, site: ScriptedSite) -> None:
    before = len(site.seen)
    page.reload()
    assert shown(page) == ("one", "script one")
    page.evaluate("fetch('/stable.txt').then((r) => r.text())")
    assert site.asked_since(before) == []


def test_other_requests_go_to_the_network(page: Page, site: ScriptedSite) -> None:
    site.write("new.txt", "new")
    assert page.evaluate("fetch('/new.txt').then((r) => r.text())") == "new"
    assert page.evaluate("fetch('/app.js?v=2').then((r) => r.text())").startswith("document.title")
    assert (
        page.evaluate("fetch('/stable.txt', { method: 'PUT', body: 'x' }).then((r) => r.text())") == "stored"
    )
    online = page.context.new_page()
    response = online.goto("/missing")
    assert response is not None
    assert response.status == 404, "the shell does not hide what the server says"


def test_update_is_loaded_beside_the_old_and_taken_as_a_whole(page: Page, site: ScriptedSite) -> None:
    publish(site, "two")
    assert page.evaluate(UPDATE) == "installed"
    assert len(site.requests("GET", "stable.txt")) == 1, "an unchanged file is not loaded again"
    page.reload()
    assert shown(page) == ("one", "script one"), "the new version waits"
    page.evaluate(SKIP_WAITING)
    page.reload()
    assert shown(page) == ("two", "script two")
    cached = page.evaluate(CACHED)
    assert sorted(cached) == ["/", "/app.js", "/docs/", "/stable.txt"]
    assert {len(revisions) for revisions in cached.values()} == {1}, "old revisions are removed"
    site.stop()
    page.reload()
    assert shown(page) == ("two", "script two")


@pytest.mark.parametrize("fault", ["missing", "of another build"])
def test_half_deployed_site_is_not_taken(page: Page, site: ScriptedSite, fault: str) -> None:
    publish(site, "two")
    if fault == "missing":
        (site.folder / "app.js").unlink()
    else:
        site.write("app.js", "document.title = 'mixed';")
    assert page.evaluate(UPDATE) == "redundant"
    page.reload()
    assert shown(page) == ("one", "script one")
    site.write("app.js", "document.title = 'script two';")
    assert page.evaluate(UPDATE) == "installed"
    assert len(site.requests("GET", "stable.txt")) == 1
    page.evaluate(SKIP_WAITING)
    page.reload()
    assert shown(page) == ("two", "script two")


@pytest.mark.parametrize(("times", "state"), [(2, "installed"), (3, "redundant")])
def test_a_broken_connection_is_tried_twice_more(
    page: Page, site: ScriptedSite, times: int, state: str
) -> None:
    publish(site, "two")
    site.cut("/app.js", times)
    assert page.evaluate(UPDATE) == state


def test_first_installation_fails_as_a_whole(
    site: ScriptedSite, new_context: Callable[..., BrowserContext]
) -> None:
    (site.folder / "stable.txt").unlink()
    page = new_context(base_url=site.url).new_page()
    page.goto("/")
    page.evaluate(REGISTER)
    page.wait_for_function("async () => !(await navigator.serviceWorker.getRegistration())")
    site.stop()
    with pytest.raises(Error, match="CONNECTION_REFUSED"):
        page.context.new_page().goto("/")


def test_status_counts_the_shell(page: Page) -> None:
    assert message(page, "status")["precached"] == 4
