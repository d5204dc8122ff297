"""Have the workers of a page's workers made by the page, where the browser needs it; see lent_workers.mjs.

The tests' own pages do so themselves. Others, as those of the documentation, are served as they are.
"""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tools.common import ROOT

MODULE = ROOT / "tests" / "harness" / "pages" / "lent_workers.mjs"
LEND_WORKERS = """
if (navigator.userAgent.includes("Firefox/")) {
    const address = (source) => URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const lent = address(%(module)s);
    const borrow = address(`import { borrowWorkers } from "${lent}"; borrowWorkers();`);
    const NativeWorker = Worker;
    globalThis.Worker = class extends NativeWorker {
        constructor(url, options) {
            const borrows = String(url).includes(%(of)s);
            super(borrows ? address(`import "${borrow}"; import "${url}";`) : url, options);
            if (borrows) import(lent).then(({ lendWorkers }) => lendWorkers(this, NativeWorker));
        }
    };
}
"""


def lend_workers(page: Page, of: str = "") -> None:
    """From the next load on, for each module worker that the page makes of a URL with `of` in it."""
    page.add_init_script(LEND_WORKERS % {"module": json.dumps(MODULE.read_text()), "of": json.dumps(of)})
