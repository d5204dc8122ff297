"""What a browser takes away under an open page: the connection to IndexedDB, the storage itself, locks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide

# Lets a test close the connection of a worker, as the browser does: with the event that says so, or without.
BREAKABLE = """
const openDatabase_ = indexedDB.open.bind(indexedDB);
const opened = [];
indexedDB.open = (...about) => {
  const opening = openDatabase_(...about);
  opening.addEventListener("success", () => opened.push(opening.result));
  return opening;
};
addEventListener("message", ({ data }) => {
  if (!data.lose) return;
  opened.at(-1).close();
  if (data.lose === "aloud") opened.at(-1).dispatchEvent(new Event("close"));
});
"""


@pytest.mark.parametrize("how", ["aloud", pytest.param("silently", marks=pytest.mark.thorough)])
@run_in_pyodide
async def test_a_connection_that_the_browser_closes_is_opened_again(
    selenium: PyodidePage, store_id: str, how: str, breakable: str
) -> None:
    from filesync_web.browser.event_log import IndexedDbEventLog
    from filesync_web.livestore.ports import START, LocalEvent

    log = IndexedDbEventLog(store_id)
    log.worker.source = breakable + log.worker.source
    await log.open("client")
    seen = (await log.append([LocalEvent("one", {}, "c", "s", synced=True)], START)).position
    log.worker.post({"lose": how})
    delta = await log.append([LocalEvent("two", {}, "c", "s", synced=True)], seen)
    assert [entry.event.name for entry in delta.local] == ["two"]
    log.worker.post({"lose": how})
    assert [entry.event.name for entry in (await log.read(START)).local] == ["one", "two"]
    (await log.open_state()).close()
    log.worker.post({"lose": how})
    await log.save_state()
    await log.close()


@pytest.fixture
def breakable() -> str:
    return BREAKABLE


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page.client import open_client

    await open_client(store_id)


@run_in_pyodide
async def save(selenium: PyodidePage, content: bytes) -> str:
    """Save a file; its id, when it is uploaded and the backend knows."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    file_id: str = (await kept.sync.save_file(content)).file_id

    def is_uploaded() -> bool:
        rows = kept.store.query(FILES.tables.files.where(id=file_id))
        return bool(rows) and bool(rows[0].remote_key) and not kept.store.unconfirmed()

    await until(is_uploaded, "the file is uploaded")
    return file_id


@run_in_pyodide
async def read_all(selenium: PyodidePage, file_ids: list[str]) -> list[bytes]:
    """The contents of files, as soon as all of them are known."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    def known() -> set[str]:
        return {record.id for record in kept.store.query(FILES.tables.files)}

    await until(lambda: known() >= set(file_ids), "the page knows of all files")
    files = [await kept.sync.read_file(file_id) for file_id in file_ids]
    return [(await file.arrayBuffer()).to_bytes() for file in files]


@run_in_pyodide
async def close_client(selenium: PyodidePage) -> None:
    from tests.in_page.client import close_client

    await close_client()


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools clear storage under an open page")
def test_a_page_goes_on_when_its_indexed_db_is_cleared(
    new_context: Callable[[], BrowserContext], store_id: str
) -> None:
    """A real `close` event. What the backend knows comes back, in tabs old and new, and nothing is lost."""
    context = new_context()
    leader, follower = open_pyodide_page(context), open_pyodide_page(context)
    for page in (leader, follower):
        open_client(page, store_id)
    before = save(leader, b"before")
    session = context.new_cdp_session(leader.driver)
    origin = leader.driver.evaluate("location.origin")
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb"})
    newcomer = open_pyodide_page(context)
    open_client(newcomer, store_id)
    after = save(leader, b"after")
    for page in (leader, follower, newcomer):
        assert read_all(page, [before, after]) == [b"before", b"after"]
        assert read_all(page, [save(page, b"more"), before]) == [b"more", b"before"]
    for page in (newcomer, follower, leader):
        close_client(page)


NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
REFUSED = """
navigator.locks.request = async () => { throw new DOMException("not here", "SecurityError"); }
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(NO_LOCKS, "secure page", marks=pytest.mark.thorough),
        (REFUSED, "lets this page keep nothing"),
    ],
    ids=["none", "refused"],
)
@run_in_pyodide
async def test_a_store_is_not_opened_where_there_are_no_locks(
    selenium_standalone: PyodidePage, store_id: str, change: str, words: str
) -> None:
    import pytest
    from pyodide.code import run_js

    import filesync_web as fs
    from tests.in_page.client import open_store

    run_js(change)
    with pytest.raises(fs.StorageUnavailableError, match=words):
        await open_store(store_id)


@run_in_pyodide
async def test_nothing_waits_for_the_person_who_is_asked_to_keep_the_storage(
    selenium_standalone: PyodidePage, store_id: str
) -> None:
    """Firefox asks, and its promise rests until somebody answers."""
    import asyncio

    from pyodide.code import run_js

    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import close_client, open_client

    run_js("navigator.storage.persist = () => { globalThis.asked = true; return new Promise(() => {}); }")
    await open_client(store_id)
    saved = await kept.sync.save_file(b"hello")
    await until(lambda: run_js("globalThis.asked ?? false"), "the person is asked")
    await kept.sync.update_file(saved.file_id, b"hello again")
    async with asyncio.timeout(30):
        await close_client()
