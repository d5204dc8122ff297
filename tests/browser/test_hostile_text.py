"""JSON of others in real Pyodide, where what is nested too deep is a fatal error of the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import PyodidePage, PyodideRun, run_in_pyodide

LEVELS = 6_000
"""Fatal for `json.loads`; 4,000 are not."""

DEEP_LOG = """async ([name, levels]) => {
    const db = await new Promise((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
    });
    const transaction = db.transaction(["confirmed", "meta"], "readwrite");
    const deep = "[".repeat(levels) + "]".repeat(levels);
    const put = (seqNum, args) => transaction.objectStore("confirmed")
        .put({ seqNum, json: `[${seqNum},${seqNum - 1},"e",${args},"c","s",null]` });
    put(1, "1");
    put(2, deep);
    put(3, "3");
    const meta = { clientId: "c", backendId: "b", epoch: 1, head: 3 };
    transaction.objectStore("meta").put({ ...meta, lastLocal: 0, syncEnabled: true, settled: 0 }, "meta");
    await new Promise((resolve) => { transaction.oncomplete = resolve; });
    db.close();
}"""


@pytest.mark.thorough
def test_hostile_texts_and_events_are_survived_under_pyodide(
    pyodide_pytest: Callable[..., PyodideRun],
) -> None:
    run = pyodide_pytest(
        "tests/unit/core/test_foreign.py",
        "tests/unit/livestore/test_hostile_events.py",
        "tests/unit/livestore/support.py",
    )
    assert run.passed >= 70


@run_in_pyodide
async def read_log(selenium: PyodidePage, name: str) -> list[Any]:
    """The arguments of the events that a log has; a log that is not there is made."""
    from filesync_web.browser.event_log import IndexedDbEventLog
    from filesync_web.livestore.ports import START

    log = IndexedDbEventLog(name)
    await log.open("client")
    delta = await log.read(START)
    await log.close()
    return [entry.event.args for entry in delta.confirmed]


def test_a_log_that_has_a_deep_event_opens_without_it(selenium: PyodidePage, store_id: str) -> None:
    read_log(selenium, store_id)
    selenium.driver.evaluate(DEEP_LOG, [store_id, LEVELS])
    assert read_log(selenium, store_id) == [1, None, 3]


@pytest.fixture
def deep() -> str:
    return "[" * LEVELS + "]" * LEVELS


@run_in_pyodide
async def test_another_page_may_say_what_it_wants(selenium: PyodidePage, store_id: str, deep: str) -> None:
    import js

    from filesync_web.browser.tabs import BroadcastTabs
    from tests.harness.waiting import until

    heard: list[Any] = []
    channel = BroadcastTabs(store_id)
    channel.listen(heard.append)
    js_other = js.BroadcastChannel.new(store_id)
    js_values = [js.Object.new(), js.Array.new(), js.ArrayBuffer.new(8), js.Date.new(), None, True, 5, 2**70]
    for data in (*js_values, deep, "nonsense", "[1]", "5", "null", "\ud800", '{"type": "last"}'):
        js_other.postMessage(data)
    await until(lambda: heard, "something is heard")
    js_other.close()
    channel.close()
    assert heard == [{"type": "last"}]


@run_in_pyodide
def test_looking_at_the_depth_costs_about_as_much_as_parsing(selenium: PyodidePage) -> None:
    import json
    import time

    from filesync_web.core.foreign import parse_json

    def seconds(call: Callable[[str], Any]) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            call(text)
            times.append(time.perf_counter() - began)
        return min(times)

    metadata = json.dumps({"mimeType": "image/png", "sizeBytes": 12345, "custom": {"name": "a.png"}})
    args = {"id": "x" * 36, "path": "a/" + "a" * 64, "contentHash": "a" * 64, "metadataJson": metadata}
    text = json.dumps([{"name": "v1.FileCreated", "args": args, "seqNum": 1}] * 3000)
    assert seconds(parse_json) < 6 * seconds(json.loads)
