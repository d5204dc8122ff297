"""Space on a real device: a full one makes room by itself where it may, and says so where it may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filesync_web.errors import QuotaExceededError
from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until

MIB = 1 << 20

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


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page import kept
    from tests.in_page.client import open_client

    await open_client(store_id)
    kept.saved = {}


@run_in_pyodide
async def save(selenium: PyodidePage, name: str) -> None:
    """Save a file of one MiB."""
    import os

    from tests.in_page import kept

    kept.saved[name] = (await kept.sync.save_file(os.urandom(1 << 20), name=name)).file_id


@run_in_pyodide
async def upload_all(selenium: PyodidePage) -> None:
    """Wait until everything is in the object store, and known there."""
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    def are_uploaded() -> bool:
        transfers = kept.store.query(FILES.tables.local_file_state)
        records = kept.store.query(FILES.tables.files)
        done = [row.upload_status == fs.Status.DONE for row in transfers]
        return len(done) == len(kept.saved) and all(done) and all(row.remote_key for row in records)

    await until(are_uploaded, "all files are uploaded")
    await until(lambda: not kept.store.unconfirmed(), "the backend knows of them")


@run_in_pyodide
async def pin(selenium: PyodidePage, *names: str) -> None:
    from tests.in_page import kept

    for name in names:
        await kept.sync.pin_file(kept.saved[name])


@run_in_pyodide
def here(selenium: PyodidePage) -> list[str]:
    """The names of the files that are on this device."""
    from tests.in_page import kept
    from tests.in_page.client import FILES

    rows = {row.file_id: row.local_hash for row in kept.store.query(FILES.tables.local_file_state)}
    return [name for name, file_id in kept.saved.items() if rows[file_id]]


@run_in_pyodide
async def read_size(selenium: PyodidePage, name: str) -> int:
    from tests.in_page import kept

    size: int = (await kept.sync.read_file(kept.saved[name])).size
    return size


@run_in_pyodide
def known(selenium: PyodidePage) -> int:
    """How many files the store has."""
    from tests.in_page import kept
    from tests.in_page.client import FILES

    return len(kept.store.query(FILES.tables.files))


@pytest.fixture
def page(new_profile: Callable[..., Profile], store_id: str) -> PyodidePage:
    """A page on a disk, with three files that are uploaded; the first is pinned."""
    opened = open_pyodide_page(new_profile().open())
    open_client(opened, store_id)
    for name in ("pinned", "old", "new"):
        save(opened, name)
    pin(opened, "pinned")
    upload_all(opened)
    return opened


@pytest.fixture
def set_room(page: PyodidePage) -> Callable[[int], None]:
    """Let the origin have so many bytes more than it has."""
    session = page.context.new_cdp_session(page.driver)

    def set_quota(room: int) -> None:
        usage = page.driver.evaluate("async () => (await navigator.storage.estimate()).usage")
        session.send(
            "Storage.overrideQuotaForOrigin",
            {"origin": page.driver.evaluate("location.origin"), "quotaSize": usage + room},
        )

    return set_quota


@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
def test_a_full_device_evicts_what_it_may_and_gets_it_back(
    page: PyodidePage, set_room: Callable[[int], None]
) -> None:
    set_room(MIB // 2)
    save(page, "more")
    assert here(page) == ["pinned", "new", "more"]
    assert len(page.driver.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    set_room(100 * MIB)
    assert read_size(page, "old") == MIB  # the bytes are there a moment before that is written down
    wait_until(lambda: here(page) == ["pinned", "old", "new", "more"], "all files are here")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
def test_a_full_device_that_may_evict_nothing_keeps_what_it_has(
    page: PyodidePage, set_room: Callable[[int], None]
) -> None:
    pin(page, "pinned", "old", "new")
    set_room(MIB // 2)
    with pytest.raises(QuotaExceededError):
        save(page, "more")
    assert page.driver.evaluate(IN_FOLDER, "livestore-filesync-incoming") == []
    assert len(page.driver.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    assert known(page) == 3
    set_room(100 * MIB)
    save(page, "more")
    assert here(page) == ["pinned", "old", "new", "more"]


@run_in_pyodide
async def save_what_cannot_fit(selenium: PyodidePage, mib: int) -> None:
    """Save so much as bytes, and as a stream; neither may be stored."""
    from collections.abc import AsyncIterator

    import filesync_web as fs
    from tests.in_page import kept

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(mib):
            yield bytes(1 << 20)

    for source in (bytes(mib << 20), chunks()):
        try:
            await kept.sync.save_file(source, name="beyond")
        except fs.QuotaExceededError:
            continue
        raise AssertionError("it was stored")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
def test_a_file_that_cannot_fit_evicts_nothing(page: PyodidePage, set_room: Callable[[int], None]) -> None:
    set_room(MIB // 2)
    save_what_cannot_fit(page, 100)
    assert here(page) == ["pinned", "old", "new"]
    assert page.driver.evaluate(IN_FOLDER, "livestore-filesync-incoming") == []
    assert len(page.driver.evaluate(IN_FOLDER, "livestore-filesync-files")) == 3
    assert known(page) == 3
