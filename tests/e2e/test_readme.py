"""The README's page runs as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import SLOW, picture, png
from tests.harness import ServerProcess
from tools.common import ROOT

PICTURE = png(8, 8, (1, 2, 3))


def the_page() -> str:
    """The only HTML in the README."""
    blocks: list[str] = re.findall(
        r"^```html\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 1
    return blocks[0]


def test_the_readmes_page_syncs_between_two_browsers(
    new_context: Callable[..., BrowserContext], server: ServerProcess
) -> None:
    page_text = the_page()
    assert "delete WebAssembly.Suspending; delete WebAssembly.promising" in page_text
    (server.site / "hello.html").write_text(page_text)
    here, there = new_context().new_page(), new_context().new_page()
    for page in (here, there):
        page.goto("/hello.html")
        expect(page.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
    here.locator("#chooser").set_input_files([picture("dot.png", PICTURE)])
    for page in (here, there):
        expect(page.locator("#files")).to_have_text("dot.png: uploaded")


def test_links_of_the_readme_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert (ROOT / "docs" / "images" / "gallery.png").stat().st_size < 300_000
