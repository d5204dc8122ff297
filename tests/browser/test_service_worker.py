"""The Python side of the service worker: register, prefetch, clear, update, unregister."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from filesync_web.sw import precache_entries
from tests.browser.controlled_page import fetch, kept_files, store_file
from tests.browser.scripted_site import PREFIX, ScriptedSite
from tests.harness import open_python_page, run_python
from tests.harness.python_page import wait_for_python

BODY = b"hello from the remote" * 1000
KEEP = ("pyodide", "wheels", "testing/bare.html", "testing/driver.py")

REGISTER = """
global worker, asked, updates, token
from filesync_web.browser import service_worker as sw
asked, updates, token = 0, [], first_token

async def headers():
    global asked
    asked += 1
    return {"Authorization": f"Bearer {token}"}

worker = await sw.register_file_sync_service_worker(
    "/filesync-sw.js", signer_base_url=signer, headers=headers, on_update=updates.append
)
return worker.scope
"""

ERROR = """
from filesync_web.browser import service_worker as sw
from filesync_web.errors import ServiceWorkerError
try:
    await sw.register_file_sync_service_worker(script_url, scope=scope)
except ServiceWorkerError as error:
    return str(error)
"""


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
def shared_page(shared_site: ScriptedSite, new_module_context: Callable[..., BrowserContext]) -> Page:
    return open_python_page(new_module_context(base_url=shared_site.url), "bare")


@pytest.fixture
def page(site: ScriptedSite, shared_page: Page) -> Page:
    """A page that has just registered; the tests share it, since Python takes its time to start."""
    assert register(shared_page) == f"{site.url}/"
    run_python(shared_page, "await worker.clear_cache()")
    return shared_page


@pytest.fixture
def own_page(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> Page:
    """A registered page in a browser of its own, for tests that change the worker."""
    opened = open_python_page(new_context(base_url=site.url), "bare")
    register(opened)
    return opened


def register(page: Page, token: str = "secret") -> str:
    return str(run_python(page, REGISTER, signer="/api", first_token=token))


def test_registered_page_is_controlled_and_served(page: Page, store_id: str) -> None:
    key = f"{store_id}/{hashlib.sha256(BODY).hexdigest()}"
    store_file(page, key, BODY, "text/plain")
    answer = fetch(page, PREFIX + key)
    assert (answer.body, answer.headers["x-source"]) == (BODY, "local")
    status = run_python(page, "return await worker.status()")
    assert (status["signer"], status["cacheRemote"]) == (page.evaluate("location.origin") + "/api", False)


def test_headers_are_asked_anew(page: Page, site: ScriptedSite, store_id: str) -> None:
    key = site.add(store_id, BODY, "text/plain")
    assert fetch(page, PREFIX + key).headers["x-source"] == "remote"
    site.token = "next"
    other = site.add(store_id, BODY + b"2", "text/plain")
    run_python(page, "global token\ntoken = 'next'")
    assert fetch(page, PREFIX + other).body == BODY + b"2"
    assert run_python(page, "return asked") == 2, "once at registration, once after a 401"


def test_configure_replaces_the_remote(page: Page, site: ScriptedSite, store_id: str) -> None:
    key = site.add(store_id, BODY, "text/plain")
    run_python(page, "await worker.configure(signer_base_url='')")
    assert fetch(page, PREFIX + key).status == 404
    plain = "await worker.configure(signer_base_url='/api', headers={'Authorization': 'Bearer secret'})"
    run_python(page, plain)
    assert fetch(page, PREFIX + key).body == BODY


def test_failing_headers_function_is_an_answer_without_headers(
    page: Page, site: ScriptedSite, store_id: str
) -> None:
    key = site.add(store_id, BODY, "text/plain")
    run_python(page, "await worker.configure(signer_base_url='/api', headers=lambda: 1 / 0)")
    answer = fetch(page, PREFIX + key)
    assert (answer.status, b"(401)" in answer.body) == (502, True)


def test_prefetch_and_clear(page: Page, site: ScriptedSite, store_id: str) -> None:
    keys = [site.add(store_id, BODY + bytes([n]), "text/plain") for n in range(5)]
    paths = [(PREFIX + key)[1:] for key in keys]
    code = "report = await sw.prefetch_files(paths)\nreturn [report.fetched, report.present, report.failed]"
    setup = "from filesync_web.browser import service_worker as sw\n"
    fetched, present, failed = run_python(page, setup + code, paths=[*paths, paths[0], "nonsense"])
    assert (sorted(fetched), present, list(failed)) == (sorted(paths), [], ["nonsense"])
    assert len(site.requests("GET", "/objects/")) == 5
    assert kept_files(page) == sorted(keys)
    assert run_python(page, setup + code, paths=paths[:1]) == [[], paths[:1], {}]
    cleared = run_python(page, setup + "return await sw.clear_service_worker_cache()")
    assert cleared == {"files": 5, "bytes": 5 * (len(BODY) + 1)}
    assert kept_files(page) == []


def test_prefetch_can_be_cancelled(page: Page, site: ScriptedSite, store_id: str) -> None:
    paths = [PREFIX + site.add(store_id, BODY + bytes([n]), "text/plain") for n in range(6)]
    site.hold("/objects/")
    start = "import asyncio\nglobal task\ntask = asyncio.ensure_future(worker.prefetch(paths))"
    run_python(page, start, paths=paths)
    while len(site.requests("GET", "/objects/")) < 2:
        page.evaluate("0")
    cancel = """
        import asyncio
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
    """
    assert run_python(page, cancel) == "cancelled"
    site.release()
    cached = "return (await worker.status())['cached']['files']"
    while run_python(page, cached) < 2:
        pass
    assert run_python(page, cached) == 2
    assert len(site.requests("GET", "/objects/")) == 2


def test_update_flow(own_page: Page, site: ScriptedSite, store_id: str) -> None:
    assert run_python(own_page, "return await worker.check_for_update()") is False
    site.write_worker(precache=precache_entries(site.folder), cache_remote=True)
    wait = """
        import asyncio
        waiting = await worker.check_for_update()
        while not updates:
            await asyncio.sleep(0)
        return [waiting, worker.update_waiting, updates == [worker]]
    """
    assert run_python(own_page, wait) == [True, True, True]
    run_python(own_page, "await worker.activate_update()")
    assert run_python(own_page, "return [worker.update_waiting, len(updates)]") == [False, 1]
    key = site.add(store_id, BODY, "text/plain")
    assert fetch(own_page, PREFIX + key).body == BODY, "the new version knows the page's remote"
    assert kept_files(own_page) == [key]


def test_python_page_opens_without_its_server(own_page: Page, site: ScriptedSite) -> None:
    """Interpreter, standard library and wheel come from the shell, and registering again needs no network."""
    site.stop()
    try:
        own_page.reload()
        wait_for_python(own_page)
        assert register(own_page) == f"{site.url}/"
    finally:
        site.start()


def test_unregister(own_page: Page, site: ScriptedSite) -> None:
    code = """
        from filesync_web.browser import service_worker as sw
        from filesync_web.errors import ServiceWorkerError
        gone = [await sw.unregister_file_sync_service_worker() for _ in range(2)]
        try:
            await sw.prefetch_files(["x"])
        except ServiceWorkerError as error:
            return [*gone, str(error)]
    """
    first, second, words = run_python(own_page, code)
    assert (first, second) == (True, False)
    assert "register_file_sync_service_worker() first" in words
    assert own_page.evaluate("caches.keys()") == []
    own_page.reload()
    assert own_page.evaluate("navigator.serviceWorker.controller === null")


def test_errors_say_what_to_do(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> None:
    page = open_python_page(new_context(base_url=site.url), "bare")
    words = run_python(page, ERROR, script_url="/no-such-sw.js", scope=None)
    assert "/no-such-sw.js" in words
    assert "404" in words
    words = run_python(page, ERROR, script_url="/filesync-sw.js", scope="/wheels/")
    assert f"the scope {site.url}/wheels/ does not cover this page" in words
    (site.folder / "wheels/extra.txt").write_text("promised")
    site.write_worker(precache=precache_entries(site.folder))
    (site.folder / "wheels/extra.txt").unlink()
    words = run_python(page, ERROR, script_url="/filesync-sw.js", scope=None)
    assert "could not be installed: a precached file is missing" in words


def test_worker_says_that_the_page_must_register(worker_page: Page) -> None:
    words = run_python(worker_page, ERROR, script_url="/filesync-sw.js", scope=None)
    assert "call this from the page's main thread" in words
