"""Uploads go on when the tab is closed: what a page writes down, and what the service worker makes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Worker

from filesync_web.core.scripts import join_scripts
from filesync_web.sw import ServiceWorkerOptions, write_service_worker
from tests.browser.controlled_page import open_controlled_page, store_file
from tests.browser.scripted_site import PAGE, ScriptedSite
from tests.e2e.gallery import TOKEN, Held, remote_exists
from tests.harness import PyodidePage, ServerProcess, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until
from tools.common import ROOT

pytestmark = pytest.mark.only_in("chromium", reason="it has no Background Sync")

BROWSER = ROOT / "filesync_web/browser"
SIGN = "/v1/sign/upload"

# An app's own worker, which imports the kit's, and sees how each `sync` event ends.
OWN_WORKER = """
let ended;
const next = () => (self.synced = new Promise((resolve) => (ended = resolve)));
next();
const waitUntil = ExtendableEvent.prototype.waitUntil;
ExtendableEvent.prototype.waitUntil = function (work) {
    const failed = (error) => ended(`${error.name}: ${error.message}`);
    if (this.type === "sync") work.then(() => ended("done"), failed);
    return waitUntil.call(this, work);
};
importScripts("/kit.js");
"""

WRITE_DOWN = """
async ([uploads, token]) => {
    const headers = { Authorization: `Bearer ${token}` };
    const url = new URL("/api/", location).href;
    const signer = { url, headers, credentials: "same-origin", lock: "leader" };
    await changeBackgroundUploads("store", uploads, signer);
}
"""

WRITTEN_DOWN = """
() => withBackgroundUploads("readonly", async ({ signers, waiting, uploaded }) => {
    const all = (store) => Promise.all([promised(store.getAllKeys()), promised(store.getAll())]);
    const [tokens, left, done] = await Promise.all([signers, waiting, uploaded].map(all));
    return [tokens[0], left[0].map((id) => id[1]), done[0].map((id) => id[1])];
})
"""

LEAD = """
(steal) => new Promise((leads) => {
    navigator.locks.request("leader", { steal }, () => {
        leads();
        return new Promise(() => {});
    });
})
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ScriptedSite]:
    made = ScriptedSite(tmp_path, token="secret")
    made.write("index.html", PAGE.format(title="app"))
    made.write("filesync-sw.js", OWN_WORKER)
    write_service_worker(tmp_path, ServiceWorkerOptions(), script_name="kit.js")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(site: ScriptedSite, new_context: Callable[..., BrowserContext]) -> Page:
    """A page that does not lead: as if the tab that did were closed."""
    return open_page(new_context(base_url=site.url))


def open_page(context: BrowserContext) -> Page:
    opened = open_controlled_page(context, "/")
    load_scripts(opened)
    return opened


def load_scripts(page: Page) -> None:
    """What writes the list, as the worker of a page's files has it."""
    read = lambda name: (BROWSER / name).read_text()  # noqa: E731
    page.add_script_tag(content=join_scripts("background_uploads.js", read))


def write_down(page: Page, file_id: str, body: bytes, *, token: str = "secret", stored: bool = True) -> str:
    """Store a file and write its upload down; returns its key."""
    key = f"store/{hashlib.sha256(body).hexdigest()}"
    if stored:
        store_file(page, key, body)
    page.evaluate(WRITE_DOWN, [{file_id: {"key": key, "contentType": "image/png"}}, token])
    return key


def was_uploaded(page: Page, file_id: str, key: str) -> bool:
    return bool(page.evaluate("([id, key]) => wasUploadedInBackground('store', id, key)", [file_id, key]))


def fire(page: Page) -> str:
    """Let the browser tell the worker that there is a network now; returns how that ended."""
    begin(page)
    return str(worker_of(page).evaluate("self.synced"))


def begin(page: Page) -> None:
    worker_of(page).evaluate("void next()")
    session = page.context.new_cdp_session(page)
    found: dict[str, str] = {}  # by scope; a registration may be told more than once

    def note(event: dict[str, Any]) -> None:
        found.update({one["scopeURL"]: one["registrationId"] for one in event["registrations"]})

    session.on("ServiceWorker.workerRegistrationUpdated", note)
    session.send("ServiceWorker.enable")
    origin = str(page.evaluate("location.origin"))
    named = lambda: found.get(f"{origin}/")  # noqa: E731
    registration_id = wait_until(named, "the browser names the worker's registration", page=page)
    session.send(
        "ServiceWorker.dispatchSyncEvent",
        {
            "origin": origin,
            "registrationId": registration_id,
            "tag": "filesync-uploads",
            "lastChance": False,
        },
    )
    session.detach()


def worker_of(page: Page) -> Worker:
    (worker,) = page.context.service_workers
    return worker


@pytest.mark.firefox
@pytest.mark.feature("uploads go on when the last tab is closed")
def test_what_waits_is_uploaded_once(page: Page, site: ScriptedSite) -> None:
    bodies = {"one": b"first" * 1000, "two": b"second" * 2000}
    keys = {file_id: write_down(page, file_id, body) for file_id, body in bodies.items()}
    assert fire(page) == "done"
    for file_id, key in keys.items():
        assert (site.objects[key].body, site.objects[key].content_type) == (bodies[file_id], "image/png")
    (put, _) = site.requests("PUT", "/objects/")
    assert put.headers["if-none-match"] == "*"
    assert page.evaluate(WRITTEN_DOWN) == [[], [], ["one", "two"]], "the token is forgotten"
    assert was_uploaded(page, "one", keys["one"])
    assert not was_uploaded(page, "one", keys["two"])
    write_down(page, "one", bodies["one"])
    assert fire(page) == "done"
    assert len(site.requests("PUT", "/objects/")) == 2
    assert "secret" not in json.dumps([seen.path for seen in site.seen])


def test_recorded_uploads_are_forgotten(page: Page) -> None:
    write_down(page, "one", b"hello")
    assert fire(page) == "done"
    page.evaluate(WRITE_DOWN, [{"one": None}, "secret"])
    assert page.evaluate(WRITTEN_DOWN) == [[], [], []]
    write_down(page, "two", b"hello")
    page.evaluate("clearBackgroundUploads('store')")
    assert page.evaluate(WRITTEN_DOWN) == [[], [], []]


def test_worker_does_nothing_while_a_page_leads(page: Page, site: ScriptedSite) -> None:
    write_down(page, "one", b"hello")
    page.evaluate(LEAD, False)
    before = len(site.seen)
    begin(page)
    page.evaluate(WRITE_DOWN, [{"one": None}, "secret"])
    assert worker_of(page).evaluate("self.synced") == "done"
    assert site.asked_since(before) == []


def test_worker_goes_on_when_the_page_has_gone(page: Page, site: ScriptedSite) -> None:
    key = write_down(page, "one", b"hello")
    other = page.context.new_page()
    page.evaluate(LEAD, False)
    worker = worker_of(page)
    begin(page)
    page.close()
    assert worker.evaluate("self.synced") == "done"
    assert (other.url, site.objects[key].body) == ("about:blank", b"hello")


def test_worker_stops_when_a_page_takes_the_lead(page: Page, site: ScriptedSite) -> None:
    key = write_down(page, "one", b"hello")
    site.hold("/objects/")
    begin(page)
    wait_until(lambda: site.requests("PUT", "/objects/"), "the upload has begun", page=page)
    page.evaluate(LEAD, True)
    # The worker hears of its loss before this answer, which comes the same way behind it.
    worker_of(page).evaluate("navigator.locks.query().then(() => null)")
    site.release()
    assert page.evaluate(WRITTEN_DOWN) == [["store"], ["one"], []]
    page.evaluate(WRITE_DOWN, [{"one": None}, "secret"])
    assert worker_of(page).evaluate("self.synced") == "done"
    assert not was_uploaded(page, "one", key)


def test_worker_that_waits_does_not_hold_up_an_update(page: Page, site: ScriptedSite) -> None:
    write_down(page, "one", b"hello")
    page.evaluate(LEAD, False)
    worker = worker_of(page)
    begin(page)
    site.write("filesync-sw.js", f"{OWN_WORKER}// a new version")
    page.evaluate("navigator.serviceWorker.ready.then((registration) => registration.update()).then(() => 0)")
    assert worker.evaluate("self.synced") == "Error: A page is open, which uploads by itself."
    assert page.evaluate(WRITTEN_DOWN) == [["store"], ["one"], []]


def test_refused_token_loses_nothing(page: Page, site: ScriptedSite) -> None:
    key = write_down(page, "one", b"hello", token="old")
    assert fire(page) == "Error: The signer refused to give a URL for the upload (401)."
    assert page.evaluate(WRITTEN_DOWN) == [["store"], ["one"], []]
    write_down(page, "one", b"hello")
    assert fire(page) == "done"
    assert site.objects[key].body == b"hello"


@pytest.mark.parametrize(
    "answer",
    [(303, {"Location": "/"}), (200, {"Content-Type": "text/html; charset=utf-8"})],
    ids=["another page", "a page"],
)
def test_a_page_that_is_shown_instead_has_stored_nothing(
    page: Page, site: ScriptedSite, answer: tuple[int, dict[str, str]]
) -> None:
    key = write_down(page, "one", b"hello")
    site.upload_answer = answer
    assert fire(page).startswith("Error: The upload was ")
    assert page.evaluate(WRITTEN_DOWN) == [["store"], ["one"], []]
    site.upload_answer = None
    assert fire(page) == "done"
    assert site.objects[key].body == b"hello"


def test_one_failure_does_not_hold_up_the_others(page: Page, site: ScriptedSite) -> None:
    write_down(page, "gone", b"gone", stored=False)
    there = write_down(page, "there", b"hello")
    site.add("store", b"hello", "image/png")
    assert fire(page) == "Error: The file is not on this device any more."
    assert page.evaluate(WRITTEN_DOWN) == [["store"], ["gone"], ["there"]]
    assert there in site.objects


def test_signer_that_is_down_is_asked_once(page: Page, site: ScriptedSite) -> None:
    write_down(page, "one", b"hello")
    write_down(page, "two", b"other")
    site.stop()
    try:
        assert fire(page).startswith("Error: The signer could not be reached")
    finally:
        site.start()
    assert page.evaluate(WRITTEN_DOWN)[1] == ["one", "two"]


@run_in_pyodide
async def test_browser_is_asked_to_wake_the_worker_as_soon_as_an_upload_waits(
    selenium_standalone: PyodidePage, store_id: str
) -> None:
    import js

    import filesync_web as fs
    from filesync_web.browser.background_uploads import ServiceWorkerUploads
    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.ports import BackgroundUpload

    await fs.register_file_sync_service_worker()
    js_sync = (await js.navigator.serviceWorker.ready).sync
    blobs = OpfsBlobStore(store_id)
    uploads = ServiceWorkerUploads(store_id, blobs.worker, lock="leader", include_credentials=False)
    assert await uploads.start()
    assert (await js_sync.getTags()).to_py() == []
    await uploads.change({"one": BackgroundUpload("key", "image/png")}, "/api", {})
    assert (await js_sync.getTags()).to_py() == ["filesync-uploads"]
    assert await uploads.file_ids() == {"one"}
    await uploads.clear()
    assert await uploads.file_ids() == set()
    uploads.stop()
    blobs.close()


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> None:
    """Open a client whose uploads go on in the background."""
    import filesync_web as fs
    from tests.in_page.client import open_client

    await open_client(store_id, background_uploads=True)
    await fs.register_file_sync_service_worker()


@run_in_pyodide
async def save(selenium: PyodidePage, content: bytes) -> None:
    from tests.in_page import kept

    await kept.sync.save_file(content, name="picture.png")


@run_in_pyodide
async def uploaded(selenium: PyodidePage) -> tuple[str, str, str]:
    """The only file's remote key, as soon as it has one, with the status and the error of its upload."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    def remote_key() -> str:
        rows = kept.store.query(FILES.tables.files)
        return rows[0].remote_key if rows else ""

    found = await until(remote_key, "the file is uploaded")
    row = kept.store.query(FILES.tables.local_file_state)[0]
    return found, row.upload_status.value, row.last_sync_error


@run_in_pyodide
async def close_client(selenium: PyodidePage) -> None:
    from tests.in_page.client import close_client

    await close_client()


def test_upload_of_a_closed_tab_is_whole_and_the_next_tab_does_not_repeat_it(
    new_server: Callable[..., ServerProcess], new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    server = new_server()
    body = bytes(range(256)) * 4000
    digest = hashlib.sha256(body).hexdigest()
    context = new_context(base_url=server.url)
    other = context.new_page()
    page = open_pyodide_page(context)
    open_client(page, store_id)
    held = Held(page.driver, "**" + SIGN)  # a held PUT would be let go when the page is closed
    save(page, body)
    wait_until(lambda: held.waiting, "the upload has begun", page=page.driver)
    load_scripts(page.driver)
    wait_until(lambda: page.driver.evaluate(WRITTEN_DOWN)[1], "the upload is written down")

    page.quit()
    wait_until(lambda: remote_exists(other, store_id, digest), "the worker has uploaded the file", page=other)
    again = open_pyodide_page(context)
    open_client(again, store_id)
    assert uploaded(again) == (f"{store_id}/{digest}", "done", "")
    stored = context.request.get(
        f"/livestore-filesync-files/{store_id}/{digest}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert (stored.body(), stored.headers["content-type"]) == (body, "image/png")
    puts = [line for line in server.read_log().splitlines() if "method=PUT" in line]
    assert len(puts) == 1, puts
    close_client(again)
