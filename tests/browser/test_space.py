"""Space on a real device: a full one makes room by itself where it may, and says so where it may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.test_file_sync import OPEN, TOKEN
from tests.harness import Profile, open_python_page, run_python

MIB = 1 << 20

NAMES = "global files, fs, store, sync, saved, save, here"
SAVE = """
import os

async def save(name):
    saved[name] = (await sync.save_file(os.urandom(1 << 20), name=name)).file_id

def here():
    rows = {row.file_id: row.local_hash != "" for row in store.query(files.tables.local_file_state)}
    return [name for name in saved if rows[saved[name]]]

store, sync = await open_client(store_id, token)
saved = {}
for name in ("pinned", "old", "new"):
    await save(name)
await sync.pin_file(saved["pinned"])
done = fs.Status.DONE
await until(
    store, files.tables.local_file_state, lambda rows: [row.upload_status for row in rows] == [done] * 3
)
await until(store, files.tables.files, lambda rows: all(row.remote_key for row in rows))
async with asyncio.timeout(20):
    while store.unconfirmed():
        await asyncio.sleep(0.01)
"""

IN_FOLDER = """
async (name) => {
    const folders = [await (await navigator.storage.getDirectory()).getDirectoryHandle(name)];
    const names = [];
    for (const folder of folders)
        for await (const [name, handle] of folder.entries())
            handle.kind === "directory" ? folders.push(handle) : names.push(name);
    return names;
}
"""


@pytest.fixture
def page(new_profile: Callable[..., Profile]) -> Page:
    return open_python_page(new_profile().open())


@pytest.fixture
def set_room(page: Page) -> Callable[[int], None]:
    """Let the origin have so many bytes more than it has."""
    session = page.context.new_cdp_session(page)

    def set_quota(room: int) -> None:
        usage = page.evaluate("async () => (await navigator.storage.estimate()).usage")
        session.send(
            "Storage.overrideQuotaForOrigin",
            {"origin": page.evaluate("location.origin"), "quotaSize": usage + room},
        )

    return set_quota


def test_a_full_device_evicts_what_it_may_and_gets_it_back(
    page: Page, set_room: Callable[[int], None], store_id: str
) -> None:
    run_python(page, NAMES + OPEN + SAVE, store_id=store_id, token=TOKEN, timeout=60)
    set_room(MIB // 2)
    found = run_python(page, "await save('more')\nreturn here()", timeout=60)
    assert found == ["pinned", "new", "more"]
    assert len(page.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    set_room(100 * MIB)
    assert run_python(page, "return (await sync.read_file(saved['old'])).size") == MIB
    assert run_python(page, "return here()") == ["pinned", "old", "new", "more"]


def test_a_full_device_that_may_evict_nothing_keeps_what_it_has(
    page: Page, set_room: Callable[[int], None], store_id: str
) -> None:
    run_python(page, NAMES + OPEN + SAVE, store_id=store_id, token=TOKEN, timeout=60)
    run_python(page, "for name in list(saved): await sync.pin_file(saved[name])")
    set_room(MIB // 2)
    with pytest.raises(AssertionError, match="QuotaExceededError"):
        run_python(page, "await save('more')", timeout=60)
    assert page.evaluate(IN_FOLDER, "livestore-filesync-incoming") == []
    assert len(page.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    assert run_python(page, "return len(store.query(files.tables.files))") == 3
    set_room(100 * MIB)
    assert run_python(page, "await save('more')\nreturn here()") == ["pinned", "old", "new", "more"]


BEYOND = """
async def chunks():
    for _ in range(100):
        yield bytes(1 << 20)

for source in (bytes(100 << 20), chunks()):
    try:
        await sync.save_file(source, name="beyond")
    except fs.QuotaExceededError:
        pass
    else:
        raise AssertionError("100 MiB were stored where there is room for 2.5")
return here()
"""


def test_a_file_that_cannot_fit_evicts_nothing(
    page: Page, set_room: Callable[[int], None], store_id: str
) -> None:
    run_python(page, NAMES + OPEN + SAVE, store_id=store_id, token=TOKEN, timeout=60)
    set_room(MIB // 2)
    assert run_python(page, BEYOND, timeout=90) == ["pinned", "old", "new"]
    assert page.evaluate(IN_FOLDER, "livestore-filesync-incoming") == []
    assert len(page.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    assert run_python(page, "return len(store.query(files.tables.files))") == 3
