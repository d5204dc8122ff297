"""The Python side of the service worker: register, prefetch, clear, update, unregister."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from filesync_web.sw import precache_entries
from tests.browser.controlled_page import fetch, kept_files, store_file
from tests.browser.scripted_site import PREFIX, ScriptedSite
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until

BODY = b"hello from the remote" * 1000
KEEP = ("testing/pyodide", "wheels", "testing/bare.html")


@run_in_pyodide
async def register(selenium: PyodidePage) -> str:
    """Register the worker, whose headers have `kept.token`, and note what it asks and tells; its scope."""
    from filesync_web.browser import service_worker
    from tests.in_page import kept

    async def headers() -> dict[str, str]:
        kept.asked += 1
        return {"Authorization": f"Bearer {kept.token}"}

    kept.asked, kept.updates, kept.token = 0, [], "secret"
    worker = await service_worker.register_file_sync_service_worker(
        "/filesync-sw.js", signer_base_url="/api", headers=headers, on_update=kept.updates.append
    )
    kept.worker = worker
    return worker.scope


@run_in_pyodide
async def worker_status(selenium: PyodidePage) -> dict[str, Any]:
    from tests.in_page import kept

    status: dict[str, Any] = await kept.worker.status()
    return status


@run_in_pyodide
async def configure(selenium: PyodidePage, signer: str, headers: dict[str, str] | None = None) -> None:
    from tests.in_page import kept

    await kept.worker.configure(signer_base_url=signer, headers=headers)


@run_in_pyodide
async def refusal(selenium: PyodidePage, script_url: str, scope: str | None = None) -> str:
    """Register a worker that cannot be registered; what the error says."""
    from filesync_web.browser import service_worker
    from filesync_web.errors import ServiceWorkerError

    try:
        await service_worker.register_file_sync_service_worker(script_url, scope=scope)
    except ServiceWorkerError as error:
        return str(error)
    raise AssertionError("it was registered")


@pytest.fixture(scope="module")
def shared_site(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedSite]:
    """The page with Pyodide, and a remote, on an origin that a test may stop and change."""
    made = ScriptedSite(tmp_path_factory.mktemp("site"))
    for name in KEEP:
        place = made.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (test_site / name).is_dir():
            shutil.copytree(test_site / name, place, copy_function=os.link)
        else:
            os.link(test_site / name, place)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def site(shared_site: ScriptedSite) -> Iterator[ScriptedSite]:
    shared_site.token = "secret"
    shared_site.objects.clear()
    shared_site.seen.clear()
    shared_site.write_worker(precache=precache_entries(shared_site.folder))
    yield shared_site
    shared_site.release()


@pytest.fixture(scope="module")
def shared_page(shared_site: ScriptedSite, new_module_context: Callable[..., BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_module_context(base_url=shared_site.url), "bare")


@run_in_pyodide
async def clear(selenium: PyodidePage) -> dict[str, int]:
    """Throw away what the worker has kept; says how much that was."""
    from filesync_web.browser import service_worker

    return await service_worker.clear_service_worker_cache()


@pytest.fixture
def page(site: ScriptedSite, shared_page: PyodidePage) -> PyodidePage:
    """A page that has just registered; the tests share it, since Python takes its time to start."""
    assert register(shared_page) == f"{site.url}/"
    clear(shared_page)
    return shared_page


@pytest.fixture
def own_page(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> PyodidePage:
    """A registered page in a browser of its own, for tests that change the worker."""
    opened = open_pyodide_page(new_context(base_url=site.url), "bare")
    register(opened)
    return opened


def test_registered_page_is_controlled_and_served(page: PyodidePage, store_id: str) -> None:
    key = f"{store_id}/{hashlib.sha256(BODY).hexdigest()}"
    store_file(page.driver, key, BODY, "text/plain")
    answer = fetch(page.driver, PREFIX + key)
    assert (answer.body, answer.headers["x-source"]) == (BODY, "local")
    status = worker_status(page)
    origin = page.driver.evaluate("location.origin")
    assert (status["signer"], status["cacheRemote"]) == (f"{origin}/api", False)


@run_in_pyodide
def set_token(selenium: PyodidePage, token: str) -> None:
    from tests.in_page import kept

    kept.token = token


@run_in_pyodide
def times_asked(selenium: PyodidePage) -> int:
    from tests.in_page import kept

    asked: int = kept.asked
    return asked


def test_headers_are_asked_anew(page: PyodidePage, site: ScriptedSite, store_id: str) -> None:
    key = site.add(store_id, BODY, "text/plain")
    assert fetch(page.driver, PREFIX + key).headers["x-source"] == "remote"
    site.token = "next"
    other = site.add(store_id, BODY + b"2", "text/plain")
    set_token(page, "next")
    assert fetch(page.driver, PREFIX + other).body == BODY + b"2"
    assert times_asked(page) == 2, "once at registration, once after a 401"


def test_configure_replaces_the_remote(page: PyodidePage, site: ScriptedSite, store_id: str) -> None:
    key = site.add(store_id, BODY, "text/plain")
    configure(page, "")
    assert fetch(page.driver, PREFIX + key).status == 404
    configure(page, "/api", {"Authorization": "Bearer secret"})
    assert fetch(page.driver, PREFIX + key).body == BODY


@run_in_pyodide
async def configure_failing_headers(selenium: PyodidePage) -> None:
    from tests.in_page import kept

    await kept.worker.configure(signer_base_url="/api", headers=lambda: 1 / 0)


def test_failing_headers_function_is_an_answer_without_headers(
    page: PyodidePage, site: ScriptedSite, store_id: str
) -> None:
    key = site.add(store_id, BODY, "text/plain")
    configure_failing_headers(page)
    answer = fetch(page.driver, PREFIX + key)
    assert (answer.status, b"(401)" in answer.body) == (502, True)


@run_in_pyodide
async def prefetch(selenium: PyodidePage, paths: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Fetch files; which were fetched, were there already, and failed."""
    from filesync_web.browser import service_worker

    report = await service_worker.prefetch_files(paths)
    return list(report.fetched), list(report.present), list(report.failed)


def test_prefetch_and_clear(page: PyodidePage, site: ScriptedSite, store_id: str) -> None:
    keys = [site.add(store_id, BODY + bytes([n]), "text/plain") for n in range(5)]
    paths = [(PREFIX + key)[1:] for key in keys]
    fetched, present, failed = prefetch(page, [*paths, paths[0], "nonsense"])
    assert (sorted(fetched), present, failed) == (sorted(paths), [], ["nonsense"])
    assert len(site.requests("GET", "/objects/")) == 5
    assert kept_files(page.driver) == sorted(keys)
    assert prefetch(page, paths[:1]) == ([], paths[:1], [])
    assert clear(page) == {"files": 5, "bytes": 5 * (len(BODY) + 1)}
    assert kept_files(page.driver) == []


def test_pages_look_for_files_where_the_worker_has_no_storage(
    site: ScriptedSite, new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    """As in some browsers on WebKitGTK. A page that does not answer does no harm."""
    worker = site.folder / "filesync-sw.js"
    no_storage = 'Object.defineProperty(navigator, "storage", { value: undefined });'
    worker.write_text(f"{no_storage}\n{worker.read_text()}")
    page = open_pyodide_page(new_context(base_url=site.url), "bare")
    register(page)
    deaf = page.context.new_page()
    deaf.goto("/testing/bare.html")
    key = f"{store_id}/{hashlib.sha256(BODY).hexdigest()}"
    store_file(page.driver, key, BODY, "text/plain")
    for asking in (page.driver, deaf):
        answer = fetch(asking, PREFIX + key)
        assert (answer.status, answer.body) == (200, BODY)
        assert (answer.headers["x-source"], answer.headers["content-type"]) == ("local", "text/plain")
        part = fetch(asking, PREFIX + key, Range="bytes=6-9")
        assert (part.status, part.body, part.headers["x-source"]) == (206, b"from", "local")
    remote = site.add(store_id, BODY + b"2", "text/plain")
    assert fetch(page.driver, PREFIX + remote).headers["x-source"] == "remote"
    assert prefetch(page, [PREFIX + key, PREFIX + remote]) == ([], [PREFIX + key], [PREFIX + remote])


@run_in_pyodide
def start_prefetch(selenium: PyodidePage, paths: list[str]) -> None:
    import asyncio

    from tests.in_page import kept

    kept.running = asyncio.ensure_future(kept.worker.prefetch(paths))


@run_in_pyodide
async def cancel_prefetch(selenium: PyodidePage) -> bool:
    """Cancel it; whether it ended by that."""
    import asyncio

    from tests.in_page import kept

    kept.running.cancel()
    try:
        await kept.running
    except asyncio.CancelledError:
        return True
    return False


def test_prefetch_can_be_cancelled(page: PyodidePage, site: ScriptedSite, store_id: str) -> None:
    paths = [PREFIX + site.add(store_id, BODY + bytes([n]), "text/plain") for n in range(6)]
    site.hold("/objects/")
    start_prefetch(page, paths)
    wait_until(lambda: len(site.requests("GET", "/objects/")) == 2, "two requests", page=page.driver)
    assert cancel_prefetch(page)
    site.release()
    wait_until(lambda: worker_status(page)["cached"]["files"] == 2, "what was under way is kept")
    assert len(site.requests("GET", "/objects/")) == 2


@run_in_pyodide
async def check_for_update(selenium: PyodidePage) -> bool:
    from tests.in_page import kept

    found: bool = await kept.worker.check_for_update()
    return found


@run_in_pyodide
async def find_update(selenium: PyodidePage) -> tuple[bool, bool, bool]:
    """Check for an update and wait until the page is told of it; whether each of the ways tells of it."""
    from tests.harness.waiting import until
    from tests.in_page import kept

    waiting = await kept.worker.check_for_update()
    await until(lambda: kept.updates, "the page is told")
    return waiting, kept.worker.update_waiting, kept.updates == [kept.worker]


@run_in_pyodide
async def activate_update(selenium: PyodidePage) -> tuple[bool, int]:
    """Take the update; whether one waits still, and how often the page was told."""
    from tests.in_page import kept

    await kept.worker.activate_update()
    return kept.worker.update_waiting, len(kept.updates)


def test_update_flow(own_page: PyodidePage, site: ScriptedSite, store_id: str) -> None:
    assert not check_for_update(own_page)
    site.write_worker(precache=precache_entries(site.folder), cache_remote=True)
    assert find_update(own_page) == (True, True, True)
    assert activate_update(own_page) == (False, 1)
    key = site.add(store_id, BODY, "text/plain")
    assert fetch(own_page.driver, PREFIX + key).body == BODY, "the new version knows the page's remote"
    assert kept_files(own_page.driver) == [key]


def test_python_page_opens_without_its_server(own_page: PyodidePage, site: ScriptedSite) -> None:
    """Interpreter, standard library and wheel come from the shell, and registering again needs no network."""
    site.stop()
    try:
        own_page.refresh()
        assert register(own_page) == f"{site.url}/"
    finally:
        site.start()


@run_in_pyodide
async def unregister_and_prefetch(selenium: PyodidePage) -> tuple[bool, bool, str]:
    """Unregister twice, then prefetch; whether there was a worker, and what the error says."""
    from filesync_web.browser import service_worker
    from filesync_web.errors import ServiceWorkerError

    first, second = [await service_worker.unregister_file_sync_service_worker() for _ in range(2)]
    try:
        await service_worker.prefetch_files(["x"])
    except ServiceWorkerError as error:
        return first, second, str(error)
    raise AssertionError("it was fetched")


def test_unregister(own_page: PyodidePage) -> None:
    first, second, words = unregister_and_prefetch(own_page)
    assert (first, second) == (True, False)
    assert "register_file_sync_service_worker() first" in words
    assert own_page.driver.evaluate("caches.keys()") == []
    own_page.driver.reload()
    assert own_page.driver.evaluate("navigator.serviceWorker.controller === null")


def test_errors_say_what_to_do(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> None:
    page = open_pyodide_page(new_context(base_url=site.url), "bare")
    words = refusal(page, "/no-such-sw.js")
    assert "/no-such-sw.js" in words
    assert "404" in words
    words = refusal(page, "/filesync-sw.js", "/wheels/")
    assert f"the scope {site.url}/wheels/ does not cover this page" in words
    (site.folder / "wheels/extra.txt").write_text("promised")
    site.write_worker(precache=precache_entries(site.folder))
    (site.folder / "wheels/extra.txt").unlink()
    words = refusal(page, "/filesync-sw.js")
    assert "could not be installed: a precached file is missing" in words


# On a busy page the answer is looked at when the browser has already given up what it had begun to install.
_LOOK_LATE = """
() => {
    const container = navigator.serviceWorker;
    const register = container.register.bind(container);
    container.register = async (...args) => {
        const registration = await register(...args);
        const { installing } = registration;
        while (installing.state !== "redundant")
            await new Promise((resolve) => { installing.onstatechange = resolve; });
        return registration;
    };
}
"""


def test_a_worker_that_was_given_up_at_once_is_an_error(
    site: ScriptedSite, new_context: Callable[..., BrowserContext]
) -> None:
    page = open_pyodide_page(new_context(base_url=site.url), "bare")
    page.driver.evaluate(_LOOK_LATE)
    site.write(
        "failing-sw.js", "self.addEventListener('install', (event) => event.waitUntil(Promise.reject()))"
    )
    assert "/failing-sw.js could not be installed" in refusal(page, "/failing-sw.js")


def test_worker_says_that_the_page_must_register(selenium_worker: PyodidePage) -> None:
    assert "call this from the page's main thread" in refusal(selenium_worker, "/filesync-sw.js")
