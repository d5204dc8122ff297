"""Opening a database that a tab of an earlier version holds on to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tools.common import ROOT

pytestmark = pytest.mark.firefox

SCRIPT = ROOT / "filesync_web" / "browser" / "indexed_db.js"
HOLD = """async (tellsVersions) => {
    if (!tellsVersions) IDBFactory.prototype.databases = undefined;
    globalThis.holding = await openDatabase("held", 1, () => {});
    const open = indexedDB.open.bind(indexedDB);
    const blocked = new Promise((resolve) => {
        indexedDB.open = (...which) => {
            const opening = open(...which);
            opening.addEventListener("blocked", resolve);
            return opening;
        };
    });
    globalThis.opened = openDatabase("held", 2, () => {}).then(() => "opened", ({ name }) => name);
    await blocked;
}"""
LET_GO = """async () => {
    holding.close();
    return (await openDatabase("held", 2, () => {})).version;
}"""


@pytest.mark.parametrize("tells_versions", [True, False])
def test_it_is_waited_for_a_while_and_then_named(
    new_context: Callable[[], BrowserContext], *, tells_versions: bool
) -> None:
    page = new_context().new_page()
    page.goto("/testing/bare.html")
    page.clock.install()
    page.add_script_tag(path=SCRIPT)
    page.evaluate(HOLD, tells_versions)
    page.clock.fast_forward(10_000)
    assert page.evaluate("opened") == "BlockedError"
    assert page.evaluate(LET_GO) == 2
