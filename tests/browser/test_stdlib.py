"""The standard library in two parts: a start needs the first alone, and an import finds everything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from filesync_web.sw import precache_entries
from tests.browser.controlled_page import open_controlled_page
from tests.browser.scripted_site import ScriptedSite
from tests.e2e.gallery import SLOW, Gallery, picture, png
from tests.e2e.test_readme import the_page
from tests.harness import PyodidePage, ServerProcess, run_in_pyodide
from tests.harness.waiting import wait_until
from tools.stdlib import JOINER, modules_at_start

NewContext = Callable[..., BrowserContext]
IMPORT = """
() => {
    try { pyodide.runPython("import wave"); } catch (error) { return String(error); }
    return "imported";
}
"""
REST = "**/python_stdlib_rest.bin"

# What a page has imported of the standard library, told to the page when it asks.
TELL = """
def tell():
    import sys
    specs = {name: str(getattr(module, "__spec__", None)) for name, module in sys.modules.items()}
    return " ".join(name for name, spec in specs.items() if "zipimporter" in spec)

from js import globalThis
from pyodide.ffi import create_proxy
globalThis.importedByPython = create_proxy(tell)
"""


def replace(context: BrowserContext, name: str, text: str, content_type: str) -> None:
    """Let the pages of a context get another text under a file's name."""
    context.route(f"**/{name}", lambda route: route.fulfill(body=text, content_type=content_type))


def imported(page: Page) -> set[str]:
    page.wait_for_function("() => globalThis.importedByPython")
    return set(page.evaluate("importedByPython()").split()) - {JOINER.stem}


def test_what_a_start_imports_is_in_the_first_part_and_nothing_else_is(
    server: ServerProcess, new_context: NewContext, store_id: str
) -> None:
    """Also for a first picture. When this fails, mend tools/runtime/stdlib_at_start.txt."""
    context = new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    before, end, after = the_page().rpartition("</script>")
    replace(context, "main.py", (server.site / "main.py").read_text() + TELL, "text/x-python")
    gallery = Gallery.open(context, store_id)
    gallery.add(picture("red.png", png(4, 4, (200, 0, 0))))
    gallery.expect_all_uploaded()
    other = new_context()  # its service worker is to find the site as it was built
    replace(other, "hello.html", before + TELL + end + after, "text/html")
    hello = other.new_page()
    hello.goto("/hello.html")
    expect(hello.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
    listed = modules_at_start()
    needed = lambda: imported(gallery.page) | imported(hello)  # noqa: E731
    # The preview of the picture, for one, is made a moment after its upload.
    wait_until(lambda: needed() >= listed, lambda: f"{listed - needed()} are imported", page=hello)
    assert needed() - listed == set()
    assert any(url.endswith("/python_stdlib.zip") for url in asked)


@run_in_pyodide
def test_modules_of_both_parts(selenium_everywhere: PyodidePage) -> None:
    import email.mime.text
    import http.server
    import importlib.resources
    import pkgutil
    import runpy
    import sqlite3
    import sys
    import unittest
    import xml.dom.minidom
    import zoneinfo

    assert issubclass(unittest.SkipTest, Exception)
    assert xml.dom.minidom.parseString("<a b='1'/>").documentElement.getAttribute("b") == "1"
    assert email.mime.text.MIMEText("text").get_content_type() == "text/plain"
    assert http.server.HTTPStatus(404).name == "NOT_FOUND"
    assert zoneinfo.ZoneInfoNotFoundError.__mro__[1] is KeyError
    assert sqlite3.connect(":memory:").execute("SELECT 1 + 1").fetchone() == (2,)
    assert "ž".encode("cp1252") == b"\x9e"
    assert "rgb_to_hls" in runpy.run_module("colorsys")
    names = {found.name for found in pkgutil.iter_modules([f"{sys.path[1]}"])}
    assert {"json", "unittest", "zoneinfo"} <= names
    assert importlib.resources.files("unittest").joinpath("mock.pyc").is_file()
    assert not [finder for finder in sys.meta_path if type(finder).__name__ == "RestFinder"]


@pytest.mark.thorough
def test_an_import_that_cannot_have_the_rest_says_so_and_works_later(new_context: NewContext) -> None:
    context = new_context()
    context.route(REST, lambda route: route.abort())
    page = context.new_page()
    page.goto("/testing/bare.html")
    page.wait_for_function("() => globalThis.pyodide", timeout=SLOW * 1000)
    said = page.evaluate(IMPORT)
    assert "ImportError: wave is in a part of the standard library that did not arrive: NetworkError" in said
    context.unroute(REST)
    assert page.evaluate(IMPORT) == "imported"


KEEP_ANOTHER = """
async () => {
    const cache = await caches.open("of another build");
    await cache.put("/testing/pyodide/python_stdlib_rest.bin", new Response("another"));
}
"""


def test_a_kept_rest_of_another_build_stops_no_start(new_context: NewContext) -> None:
    context = new_context()
    context.route(REST, lambda route: route.fulfill(body="another"))
    page = context.new_page()
    page.goto("/testing/pyscript.json")
    page.evaluate(KEEP_ANOTHER)
    page.goto("/testing/bare.html")
    page.wait_for_function("() => globalThis.pyodide", timeout=SLOW * 1000)
    assert "it is of another build than the part that is here; load the page again" in page.evaluate(IMPORT)


PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<p id="text">Starting</p>
<script type="module" src="./pyscript/core.js"></script>
<script type="py" {how} config='{{"interpreter": "/pyodide/pyodide.mjs"}}'>
import unittest, xml.dom.minidom
from pyscript import document
document.getElementById("text").textContent = xml.dom.minidom.parseString("<a/>").documentElement.tagName
</script>
"""

BARE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<p id="text">Starting</p>
<script type="module">
import { loadPyodide } from "./pyodide/pyodide.mjs";
const python = await loadPyodide();
const found = python.runPython("from xml.dom import minidom; minidom.parseString('<a/>').firstChild.tagName");
document.getElementById("text").textContent = found;
</script>
"""
IN_WORKER = """
import { loadPyodide } from "/pyodide/pyodide.mjs";
const python = await loadPyodide();
postMessage(python.runPython("from xml.dom import minidom; minidom.parseString('<a/>').firstChild.tagName"));
"""
WORKER = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<p id="text">Starting</p>
<script type="module">
const worker = new Worker("./worker.js", { type: "module" });
worker.onmessage = ({ data }) => { document.getElementById("text").textContent = data; };
</script>
"""


@pytest.fixture
def kept_site(test_site: Path, tmp_path: Path) -> Iterator[ScriptedSite]:
    """Pages that import a module of the rest at once, and a service worker that keeps them."""
    site = ScriptedSite(tmp_path)
    for folder in ("pyodide", "pyscript"):
        shutil.copytree(test_site / folder, site.folder / folder)
    pages = {"pyscript": PAGE.format(how=""), "bare": BARE, "worker": WORKER, "index": "<!doctype html>kept"}
    for name, text in pages.items():
        site.write(f"{name}.html", text)
    site.write("worker.js", IN_WORKER)
    site.write_worker(precache=precache_entries(site.folder, exclude=["*codemirror*", "*xterm*"]))
    site.start()
    yield site
    site.stop()


def test_all_of_it_is_there_offline(kept_site: ScriptedSite, new_context: NewContext) -> None:
    page = open_controlled_page(new_context(base_url=kept_site.url), "/")
    kept_site.stop()
    for name in ("bare", "pyscript", "worker"):
        page.goto(f"/{name}.html")
        expect(page.locator("#text")).to_have_text("a", timeout=SLOW * 1000)
