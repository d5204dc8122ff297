"""The page of docs/python-files.md runs as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, FilePayload, expect

from tests.e2e.gallery import SLOW
from tests.harness import ServerProcess
from tools.common import ROOT

TABLE = FilePayload(
    name="table.csv", mimeType="text/csv", buffer="what,amount\r\ntea,40\r\nü,2.5\r\n".encode()
)


def the_page() -> str:
    """The only HTML in the document."""
    text = (ROOT / "docs" / "python-files.md").read_text()
    [page] = re.findall(r"^```html\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return str(page)


def test_a_table_is_summed_and_both_files_are_found_in_another_browser(
    new_context: Callable[..., BrowserContext], server: ServerProcess
) -> None:
    page_text = the_page()
    assert len(page_text.splitlines()) <= 25
    (server.site / "tables.html").write_text(page_text)
    here, there = new_context().new_page(), new_context().new_page()
    for page in (here, there):
        page.goto("/tables.html")
        expect(page.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
    here.locator("#chooser").set_input_files([TABLE])
    for page in (here, there):
        expect(page.locator("#files")).to_have_text("table.csv, sum 42.5.txt")
