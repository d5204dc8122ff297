"""What the how-to pages show of a page's program, run as it is in examples/how_to."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Route

from tests.harness import PyodidePage, run_in_pyodide
from tools.common import ROOT

HOW_TO = ROOT / "examples" / "how_to"
WRITE = """
from pathlib import Path
for name, text in %r.items():
    path = Path("/home/pyodide/examples/how_to", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
"""


@pytest.fixture(scope="module")
def selenium_how_to(selenium: PyodidePage) -> PyodidePage:
    """A bare page that can import the examples."""
    selenium.run(WRITE % {path.name: path.read_text() for path in HOW_TO.glob("*.py")})
    return selenium


@run_in_pyodide
async def sign_in_and_out(selenium: PyodidePage, store_id: str) -> list[str]:
    import filesync_web as fs
    from examples.how_to.sign_in import open_files, sign_out

    store = await open_files(store_id)
    saved = await fs.save_file(b"hello", name="a.txt")
    await sign_out(store)
    try:
        fs.get_file_sync()
    except fs.NotInitializedError:
        return [saved.content_hash]
    return []


def test_a_token_is_asked_of_the_session(selenium_how_to: PyodidePage, store_id: str) -> None:
    asked: list[str] = []

    def session(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.url.rpartition('/session')[2]}")
        route.fulfill(body=json.dumps({"token": "dev-token-change-in-production"}))

    selenium_how_to.driver.route("**/session**", session)
    assert sign_in_and_out(selenium_how_to, store_id)
    selenium_how_to.driver.unroute("**/session**")
    assert set(asked) == {"POST /token", "DELETE "}
    assert asked[-1] == "DELETE "


@run_in_pyodide
async def test_progress_ends_with_all_done(selenium_how_to: PyodidePage, store_id: str) -> None:
    import js

    import filesync_web as fs
    from examples.how_to.progress import follow_transfers, show_in, state_of
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, SCHEMA, TOKEN

    store = await fs.open_store(SCHEMA, store_id=store_id, sync=fs.SyncOptions("/sync", auth_token=TOKEN))
    await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))
    totals: list[fs.TotalProgress] = []
    bar, text = js.document.createElement("progress"), js.document.createElement("p")
    show = show_in(bar, text)

    def both(total: fs.TotalProgress) -> None:
        totals.append(total)
        show(total)

    unsubscribe = follow_transfers(both)
    await fs.save_file(bytes(300_000), name="a.bin")
    files = FILES.tables.files.all()
    assert [state_of(record) for record in store.query(files)] == ["saved on this device"]
    await fs.wait_until_synced(timeout=30)
    await until(lambda: not totals[-1].count, "the end is told, once it is written down")
    assert [total.total_size for total in totals if total.count][-1] == 300_000
    assert [state_of(record) for record in store.query(files)] == ["uploaded"]
    assert (bar.hidden, text.textContent) == (True, "all done")
    unsubscribe()
    await fs.dispose_file_sync()
    await store.close()


@run_in_pyodide
async def test_a_picture_gets_a_thumbnail(selenium_how_to: PyodidePage, store_id: str) -> None:
    import js

    import filesync_web as fs
    from examples.how_to.thumbnails import show_picture
    from tests.in_page.client import FILES, SCHEMA
    from tests.in_page.pictures import draw

    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    saved = await fs.save_file(await draw(600, 300), name="two colours")
    (record,) = store.query(FILES.tables.files.where(id=saved.file_id))
    image = js.document.createElement("img")
    await show_picture(image, record, 100)
    await image.decode()
    assert (image.alt, image.naturalWidth, image.naturalHeight) == ("two colours", 128, 64)
    await fs.dispose_file_sync()
    await store.close()


@run_in_pyodide
async def test_local_storage_moves_once(selenium_how_to: PyodidePage, store_id: str) -> None:
    import js

    import filesync_web as fs
    from examples.how_to.moving import move_local_storage
    from tests.in_page.client import FILES, SCHEMA

    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    for key, value in {"note:a": "Köln", "note:b": "two", "theme": "dark"}.items():
        js.localStorage.setItem(key, value)
    await move_local_storage(store, "note:")
    assert js.localStorage.getItem("theme") == "dark"
    assert js.localStorage.length == 1
    js.localStorage.setItem("note:a", "Köln")  # as if the tab had died before it was removed
    await move_local_storage(store, "note:")
    texts = {}
    for record in store.query(FILES.tables.files.where(deleted_at=None)):
        texts[fs.get_file_metadata(record).name] = await fs.read_text(record.id)
    assert texts == {"note:a": "Köln", "note:b": "two"}
    js.localStorage.clear()
    await fs.dispose_file_sync()
    await store.close()


@run_in_pyodide
async def test_a_folder_of_idbfs_moves(selenium_how_to: PyodidePage, store_id: str) -> None:
    from pathlib import Path

    import js
    from pyodide_js import FS

    import filesync_web as fs
    from examples.how_to.moving import _sync_idbfs, move_idbfs
    from tests.in_page.client import FILES, SCHEMA

    Path("/old/notes").mkdir(parents=True)
    FS.mount(FS.filesystems.IDBFS, js.Object.new(), "/old")
    Path("/old/notes").mkdir()
    Path("/old/notes/a.txt").write_text("kept")
    await _sync_idbfs(False)
    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    await move_idbfs(store, "/old")
    (record,) = store.query(FILES.tables.files.where(deleted_at=None))
    assert fs.get_file_metadata(record).name == "notes/a.txt"
    assert await fs.read_text(record.id) == "kept"
    FS.unmount("/old")
    FS.mount(FS.filesystems.IDBFS, js.Object.new(), "/old")
    await _sync_idbfs(True)
    assert not Path("/old/notes/a.txt").exists()
    FS.unmount("/old")
    await fs.dispose_file_sync()
    await store.close()
