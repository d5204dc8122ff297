"""The notebooks of examples/notebooks: in JupyterLite, in marimo's WebAssembly, and in marimo on CPython."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Locator, Page, expect

from tests.harness.fixtures import ISOLATED
from tests.harness.lent_workers import lend_workers
from tests.harness.server import HOST, ServerProcess
from tests.harness.waiting import wait_until
from tools.common import ROOT
from tools.notebooks import LITE, NOTEBOOKS, build_jupyterlite, build_marimo, notebook_tools

pytestmark = pytest.mark.timeout(400)  # the first run builds an environment and the site, in a minute or two

KERNEL_SECONDS = 60
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
PICTURES: list[FilePayload] = [
    {"name": "one.png", "mimeType": "image/png", "buffer": PNG},
    {"name": "two.png", "mimeType": "image/png", "buffer": PNG + b"2"},
]
WRAP_POST = """{
    const post = BroadcastChannel.prototype.postMessage;
    BroadcastChannel.prototype.postMessage = function (message) { %s };
}"""
COUNT_POSTED_FILES = "globalThis.postedFiles = 0;" + WRAP_POST % (
    "if (Array.isArray(message)) postedFiles += message.filter((item) => item instanceof File).length;"
    "post.call(this, message);"
)
# The kernel (0.8.6) takes what Atomics.waitAsync gives for a promise; when the answer is there, it is none.
ALWAYS_A_PROMISE = """{
    const waitAsync = Atomics.waitAsync;
    Atomics.waitAsync = (...given) => ({ async: true, value: Promise.resolve(waitAsync(...given).value) });
}"""
LOSE_POSTED_FILES = WRAP_POST % "if (!Array.isArray(message)) post.call(this, message);"


@pytest.fixture(scope="module")
def jupyterlite() -> Path:
    return build_jupyterlite()


@pytest.fixture
def server_of_notebooks(jupyterlite: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(jupyterlite, tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def isolated_notebooks(jupyterlite: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(jupyterlite, tmp_path, None, **ISOLATED)
    process.start()
    yield process
    process.stop()


class Notebook:
    """A notebook that is opened in a page, and its cells."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.asked: set[str] = set()
        page.on("request", lambda request: self.asked.add(request.url))
        page.add_init_script(COUNT_POSTED_FILES)
        lend_workers(page, of="/pyodide-kernel-extension/")
        page.goto(f"/{LITE}/notebooks/index.html?path={name}")
        idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(idle).to_be_visible(timeout=KERNEL_SECONDS * 1000)
        self._ran = 0

    def run(self) -> Locator:
        """Run the next cell to its end; returns its output."""
        cell = self.page.locator(".jp-CodeCell").nth(self._ran)
        self._ran += 1
        prompt = cell.locator(".jp-InputPrompt")
        self._begin(cell, prompt)
        expect(prompt).to_have_text(re.compile(rf"\[{self._ran}\]"), timeout=KERNEL_SECONDS * 1000)
        expect(cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)
        return cell.locator(".jp-OutputArea")

    def _begin(self, cell: Locator, prompt: Locator) -> None:
        """Run it until it says that it runs: before there is a kernel, nothing happens."""

        def begun() -> bool:
            if prompt.inner_text().strip(" :") != "[ ]":
                return True
            cell.locator(".cm-content").click()
            self.page.keyboard.press("Control+Enter")
            return False

        wait_until(begun, "the cell runs", timeout=KERNEL_SECONDS, page=self.page)


def use_the_notebook(page: Page) -> None:
    """Install, open a store, save, read, choose pictures by the widget, list, and read what was chosen."""
    notebook = Notebook(page, "files.ipynb")
    install, start, read, widget = (notebook.run() for _ in range(4))
    expect(install).to_be_empty()
    expect(start).to_contain_text("filesync_web.file_sync.FileSync")
    expect(read).to_contain_text("'hello from a notebook'")
    widget.locator("input[type=file]").set_input_files(PICTURES)
    rows = widget.locator("li")
    expect(rows).to_have_text(
        [
            re.compile(r"two\.png\s*200\.0 kB, uploaded"),
            re.compile(r"one\.png\s*200\.0 kB, uploaded"),
            re.compile(r"hello\.txt\s*21 B, uploaded"),
        ]
    )
    listed, lengths = notebook.run(), notebook.run()
    expect(listed).to_contain_text("{'hello.txt': True, 'one.png': True, 'two.png': True}")
    sizes = [len(picture["buffer"]) for picture in PICTURES]
    expect(lengths).to_contain_text(str(sizes))
    assert page.evaluate("postedFiles") == len(PICTURES)
    origin = page.evaluate("location.origin")
    elsewhere = [url for url in notebook.asked if url.startswith("http") and not url.startswith(origin)]
    assert elsewhere == []


@pytest.mark.thorough
def test_a_notebook_saves_reads_lists_and_chooses_files(
    server_of_notebooks: ServerProcess, new_context: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    page = new_context(base_url=server_of_notebooks.url).new_page()
    use_the_notebook(page)
    page.screenshot(path=tmp_path / "notebook.png")


@pytest.mark.soak(minutes=1)
@pytest.mark.firefox
def test_a_notebook_of_an_isolated_page_does_the_same(
    isolated_notebooks: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    """JupyterLite has another worker where the page is cross-origin isolated; about ten seconds."""
    page = new_context(base_url=isolated_notebooks.url).new_page()
    page.add_init_script(ALWAYS_A_PROMISE)
    use_the_notebook(page)
    assert page.evaluate("crossOriginIsolated")


@pytest.mark.soak(minutes=1)
def test_a_kernel_that_no_channel_reaches_asks_for_the_bytes(
    server_of_notebooks: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    """As if the notebook's page were of another origin than its kernel; about 15 seconds."""
    page = new_context(base_url=server_of_notebooks.url).new_page()
    page.add_init_script(LOSE_POSTED_FILES)
    use_the_notebook(page)


# --- marimo


class MarimoServer(ServerProcess):
    """The notebook as an app that marimo serves, with a kernel on CPython."""

    _path = "/health"

    def _command(self) -> list[str | Path]:
        marimo: list[str | Path] = [notebook_tools() / "marimo", "run", NOTEBOOKS / "files_marimo.py"]
        return [*marimo, "--headless", "--no-token", "--host", HOST, "--port", str(self.port)]


@pytest.fixture
def marimo_server(server: ServerProcess, tmp_path: Path) -> Iterator[ServerProcess]:
    places = {"PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(tmp_path / "home"), "FILESYNC_URL": server.url}
    process = MarimoServer(NOTEBOOKS, tmp_path, **places)
    process.start()
    yield process
    process.stop()


def use_the_app(page: Page) -> None:
    """Wait until it has saved and read, choose pictures by the widget, and see that it has read them."""
    page.add_init_script(COUNT_POSTED_FILES)
    page.goto("/")
    expect(page.get_by_text("hello from a notebook")).to_be_visible(timeout=KERNEL_SECONDS * 1000)
    widget = page.locator(".filesync")
    widget.locator("input[type=file]").set_input_files(PICTURES)
    sizes = [len(picture["buffer"]) for picture in PICTURES]
    expect(widget.locator("li")).to_contain_text(["two.png", "one.png", "hello.txt"])
    for size in sizes:  # the cell that uses the widget has run again
        expect(page.get_by_text(str(size))).to_be_visible()
    expect(widget.locator("li").filter(has_text="uploaded")).to_have_count(3)


@pytest.mark.soak(minutes=1)
def test_a_marimo_notebook_in_webassembly_gets_the_files_themselves(
    tmp_path: Path, new_context: Callable[..., BrowserContext]
) -> None:
    """What marimo exports, with a Pyodide and wheels of its own; about 15 seconds, and six to export it."""
    process = ServerProcess(build_marimo(), tmp_path)
    process.start()
    try:
        page = new_context(base_url=process.url).new_page()
        use_the_app(page)
        assert page.evaluate("postedFiles") == len(PICTURES)
    finally:
        process.stop()


@pytest.mark.thorough
def test_a_marimo_notebook_on_cpython_gets_the_bytes_of_files(
    marimo_server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context(base_url=marimo_server.url).new_page()
    use_the_app(page)
    assert page.evaluate("postedFiles") == 0
