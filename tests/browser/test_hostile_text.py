"""JSON of others in real Pyodide, where what is nested too deep is a fatal error of the interpreter."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.harness import PyodideRun, run_python

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

READ = """
from filesync_web.browser.event_log import IndexedDbEventLog
from filesync_web.livestore.ports import START
log = IndexedDbEventLog(name)
await log.open("client")
delta = await log.read(START)
await log.close()
return [entry.event.args for entry in delta.confirmed]
"""

CHANNEL = """
import asyncio, js
from filesync_web.browser.tabs import BroadcastTabs
heard = []
channel = BroadcastTabs(name)
channel.listen(heard.append)
js_other = js.BroadcastChannel.new(name)
for text in ("[" * levels + "]" * levels, "nonsense", '{"type": "last"}'):
    js_other.postMessage(text)
async with asyncio.timeout(10):
    while not heard:
        await asyncio.sleep(0.01)
js_other.close()
channel.close()
return heard
"""

SPEED = """
import json, time
from filesync_web.core.foreign import parse_json
metadata = json.dumps({"mimeType": "image/png", "sizeBytes": 12345, "custom": {"name": "a.png"}})
args = {"id": "x" * 36, "path": "a/" + "a" * 64, "contentHash": "a" * 64, "metadataJson": metadata}
text = json.dumps([{"name": "v1.FileCreated", "args": args, "seqNum": 1}] * 3000)
def seconds(call):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call(text)
        times.append(time.perf_counter() - began)
    return min(times)
per_megabyte = [seconds(call) / len(text) * 1e6 for call in (parse_json, json.loads)]
return per_megabyte
"""


def test_hostile_texts_and_events_are_survived_under_pyodide(
    pyodide_pytest: Callable[..., PyodideRun],
) -> None:
    run = pyodide_pytest(
        "tests/unit/core/test_foreign.py",
        "tests/unit/livestore/test_hostile_events.py",
        "tests/unit/livestore/support.py",
    )
    assert run.passed >= 70


def test_a_log_that_has_a_deep_event_opens_without_it(bare_page: Page, store_id: str) -> None:
    run_python(bare_page, READ, name=store_id)
    bare_page.evaluate(DEEP_LOG, [store_id, LEVELS])
    assert run_python(bare_page, READ, name=store_id) == [1, None, 3]


def test_another_page_may_say_what_it_wants(bare_page: Page, store_id: str) -> None:
    assert run_python(bare_page, CHANNEL, name=store_id, levels=LEVELS) == [{"type": "last"}]


def test_looking_at_the_depth_costs_about_as_much_as_parsing(bare_page: Page) -> None:
    bounded, alone = run_python(bare_page, SPEED)
    assert bounded < 6 * alone
