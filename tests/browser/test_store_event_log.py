"""The store inside a browser: the contract of the event log on IndexedDB, the pure parts under Pyodide."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness import PyodidePage, PyodideRun, run_in_pyodide
from tools.common import ROOT


def test_indexeddb_keeps_the_contract_of_the_event_log(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    run = pyodide_pytest("tests/contract/test_event_log.py")
    assert "indexeddb" not in run.output  # nothing skipped or failed
    assert run.passed >= 30


@pytest.mark.thorough
def test_the_store_works_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    assert pyodide_pytest("tests/unit/livestore").passed >= 15


VERSION_1 = """async (name) => {
    const db = await new Promise((resolve, reject) => {
        const opening = indexedDB.open(name, 1);
        opening.onupgradeneeded = () => {
            opening.result.createObjectStore("confirmed", { keyPath: "seqNum" });
            const local = opening.result.createObjectStore("local", { keyPath: "id" });
            local.createIndex("pending", "pending");
            local.createIndex("key", "key");
            opening.result.createObjectStore("meta");
            opening.result.createObjectStore("snapshot");
        };
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
    });
    const transaction = db.transaction(["local", "meta"], "readwrite");
    const entry = (id, name, synced) => JSON.stringify([id, name, {}, "c", "s", synced, null, null]);
    transaction.objectStore("local").put({ id: 1, json: entry(1, "own", false) });
    transaction.objectStore("local").put({ id: 2, json: entry(2, "pending", true), pending: 1 });
    const meta = { clientId: "old", backendId: null, epoch: 1, head: 0, lastLocal: 2, syncEnabled: true };
    transaction.objectStore("meta").put(meta, "meta");
    await new Promise((resolve) => { transaction.oncomplete = resolve; });
    db.close();
}"""


@run_in_pyodide
async def read_and_discard(selenium: PyodidePage, name: str) -> tuple[str, list[str], list[bool]]:
    """Open the log; its client, what is pending, and whether what is left after discarding that syncs."""
    from filesync_web.browser.event_log import IndexedDbEventLog
    from filesync_web.livestore.ports import Position

    log = IndexedDbEventLog(name)
    client_id = await log.open("new")
    (await log.open_state()).close()
    seen = Position(1, 0, 2)
    pending = (await log.read(seen, all_pending=True)).local
    await log.discard([entry.id for entry in pending])
    left = (await log.read(seen, all_pending=True)).local
    await log.close()
    return client_id, [entry.event.name for entry in pending], [entry.event.synced for entry in left]


def test_a_log_of_the_first_version_keeps_what_is_pending(selenium: PyodidePage) -> None:
    selenium.driver.evaluate(VERSION_1, "version-1")
    assert read_and_discard(selenium, "version-1") == ("old", ["pending"], [False])


# --- the format of today ------------------------------------------------------------------------------------

KEPT = ROOT / "tests" / "data" / "formats" / "indexeddb-2.json"
"""The content of a database: its stores, and the bytes of the state in base64."""

WRITE_DATABASE = """async ([name, kept]) => {
    const opening = indexedDB.open(name, 2);
    opening.onupgradeneeded = () => {
        opening.result.createObjectStore("state");
        opening.result.createObjectStore("confirmed", { keyPath: "seqNum" });
        const local = opening.result.createObjectStore("local", { keyPath: "id" });
        local.createIndex("pending", "pending");
        local.createIndex("key", "key");
        opening.result.createObjectStore("meta");
    };
    const db = await new Promise((resolve) => { opening.onsuccess = () => resolve(opening.result); });
    const transaction = db.transaction(["state", "confirmed", "local", "meta"], "readwrite");
    const bytes = Uint8Array.from(atob(kept.state), (letter) => letter.charCodeAt(0));
    transaction.objectStore("state").put(new Blob([bytes]), "state");
    for (const store of ["confirmed", "local"]) {
        for (const entry of kept[store]) transaction.objectStore(store).put(entry);
    }
    transaction.objectStore("meta").put(kept.meta, "meta");
    await new Promise((resolve) => { transaction.oncomplete = resolve; });
    db.close();
}"""

OPEN_AS_VERSION = """async ([name, version]) => {
    const opening = indexedDB.open(name, version);
    const db = await new Promise((resolve) => { opening.onsuccess = () => resolve(opening.result); });
    db.close();
}"""


@run_in_pyodide
async def check_kept_store(selenium: PyodidePage, store_id: str) -> None:
    """Everything that was kept is there, also when it is opened once more."""
    from filesync_web import open_store
    from tests.in_page.kept_schema import KEPT, check

    for _ in range(2):
        store = await open_store(KEPT, store_id=store_id)
        check(store)
        await store.close()


@run_in_pyodide
async def error_of_opening(selenium: PyodidePage, store_id: str) -> str:
    from filesync_web import StoreError, open_store
    from tests.in_page.kept_schema import KEPT

    try:
        await open_store(KEPT, store_id=store_id)
    except StoreError as error:
        return str(error)
    return ""


def test_a_store_as_earlier_versions_have_left_it_is_taken_over(selenium: PyodidePage, store_id: str) -> None:
    kept = json.loads(KEPT.read_text())
    selenium.driver.evaluate(WRITE_DATABASE, [f"filesync-web:{store_id}", kept])
    check_kept_store(selenium, store_id)


def test_a_log_of_a_newer_version_is_refused(selenium: PyodidePage, store_id: str) -> None:
    selenium.driver.evaluate(WRITE_DATABASE, [f"filesync-web:{store_id}", json.loads(KEPT.read_text())])
    selenium.driver.evaluate(OPEN_AS_VERSION, [f"filesync-web:{store_id}", 99])
    assert "newer version of filesync-web" in error_of_opening(selenium, store_id)
