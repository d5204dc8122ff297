"""The README's page runs as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import SLOW, picture, png
from tests.harness import ServerProcess
from tools.common import ROOT

README = (ROOT / "README.md").read_text()
PICTURE = png(8, 8, (1, 2, 3))


def the_page() -> str:
    """The only HTML in the README."""
    blocks: list[str] = re.findall(r"^```html\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    return blocks[0]


def the_step(start: str) -> list[str]:
    """The words of the only command that begins so."""
    (line,) = re.findall(rf"^{re.escape(start)}.*--precache-dir mysite +#", README, re.MULTILINE)
    return str(line).partition(" #")[0].split()


@pytest.fixture
def own_server(test_site: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of a site that the test may change."""
    shutil.copytree(test_site, tmp_path / "mysite", ignore=shutil.ignore_patterns("testing"))
    process = ServerProcess(tmp_path / "mysite", tmp_path / "server")
    process.data.mkdir()
    process.start()
    yield process
    process.stop()


@pytest.mark.feature("service worker: the app opens offline")
def test_the_readmes_page_syncs_between_two_browsers_and_opens_offline(
    new_context: Callable[..., BrowserContext], own_server: ServerProcess
) -> None:
    page_text = the_page()
    assert "delete WebAssembly.Suspending; delete WebAssembly.promising" in page_text
    (own_server.site / "hello.html").write_text(page_text)
    python, *arguments = the_step("python -m filesync_web service-worker")
    assert python == "python"
    outside = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *arguments], cwd=own_server.site.parent, env=outside, check=True)
    here, there = new_context().new_page(), new_context().new_page()
    for page in (here, there):
        page.goto(f"{own_server.url}/hello.html")
        expect(page.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
    here.locator("#chooser").set_input_files([picture("dot.png", PICTURE)])
    for page in (here, there):
        expect(page.locator("#files")).to_have_text("dot.png: uploaded")
    here.wait_for_function("navigator.serviceWorker.controller", timeout=2 * SLOW * 1000)
    own_server.stop()
    here.reload()
    expect(here.locator("#files")).to_have_text("dot.png: uploaded", timeout=2 * SLOW * 1000)


def leads_somewhere(link: str) -> bool:
    """Whether there is such a file, and in it the heading behind the `#`."""
    name, _, anchor = link.partition("#")
    path = ROOT / name
    if not anchor or not path.exists():
        return path.exists()
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_of_the_readme_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not leads_somewhere(link)] == []
    assert (ROOT / "docs" / "images" / "gallery.png").stat().st_size < 300_000
