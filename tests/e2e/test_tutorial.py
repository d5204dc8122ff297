"""The tutorial's blocks, executed in their order in an empty folder, and what it says of the page.

Three lines are replaced by faster ones that fetch nothing, unless TUTORIAL_AS_IT_STANDS is set: what they
install is here already. The wheel itself is installed, and nothing of this folder is imported.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import SLOW, picture, png
from tests.harness.server import HOST, START_SECONDS, STOP_SECONDS, free_port
from tests.harness.waiting import wait_until
from tools.common import ROOT, build_lock
from tools.packages import ensure_wheel
from tools.serve import answers

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\",]+)(, at the end)?\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = "filesync-server "
SECONDS = 100


def substitutes() -> dict[str, str]:
    """What is typed in place of a line; the wheel comes from the build in any case."""
    with build_lock():
        wheel = ensure_wheel()
    if os.environ.get("TUTORIAL_AS_IT_STANDS"):
        constrained = f"pip install -q -c {ROOT / 'constraints.txt'}"
        return {"pip install": constrained, '"filesync-web[': f'"{wheel}['}
    install = f"{sys.executable} -m pip --python .venv install -q --no-deps {wheel}"
    library = f".venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    borrow = f"echo {sysconfig.get_path('purelib')} > {library}/borrowed.pth"
    return {
        "python3 -m venv .venv": f"{sys.executable} -m venv --without-pip .venv",
        'pip install "filesync-web[server]"': f"{install}\n{borrow}",
        "npm install --no-save --ignore-scripts": f"ln -s {ROOT / 'node_modules'} node_modules #",
    }


class Reader:
    """Who does what the tutorial says, in one folder and one shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}/"
        self.blocks = BLOCK.finditer(TEXT)
        self._server: subprocess.Popen[bytes] | None = None

    def go_on(self, to: str) -> None:
        """Do all blocks up to the next one with a line that begins so, and that one."""
        for kind, title, at_the_end, text in (block.groups() for block in self.blocks):
            if title:
                with (self.folder / "album" / title).open("a" if at_the_end else "x") as file:
                    file.write(text)
            else:
                assert kind == "sh", kind
                self._type(text)
            if text.startswith(to):
                return
        pytest.fail(f"no block begins with {to!r}")

    def stop(self) -> None:
        server, self._server = self._server, None
        if server:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(STOP_SECONDS)

    def _type(self, text: str) -> None:
        if text.startswith(SERVE):
            command, background, _ = text.partition(" &\n")
            assert background
            self._server = self._shell(f"exec {command} --port {self.port}")
            is_up = lambda: answers(HOST, self.port, "/api/health")  # noqa: E731
            wait_until(is_up, "the server answers", timeout=START_SECONDS)
        elif text.startswith("kill %1"):
            self.stop()
        else:
            for line, other in substitutes().items():
                text = text.replace(line, other)
            assert self._shell(text).wait(SECONDS) == 0, text

    def _shell(self, text: str) -> subprocess.Popen[bytes]:
        began = (self.folder / "album").exists()
        before = "cd album; . .venv/bin/activate\n" if began else ""
        outside = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
        }
        command = ["bash", "-e", "-c", before + text]
        return subprocess.Popen(
            command, cwd=self.folder, env=outside, stdin=subprocess.DEVNULL, start_new_session=True
        )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.stop()


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_the_tutorial_leads_to_an_app_that_syncs_and_opens_offline(
    reader: Reader, new_context: Callable[..., BrowserContext]
) -> None:
    reader.go_on(to=SERVE)
    here, there = new_context().new_page(), new_context().new_page()
    for page in (here, there):
        page.goto(reader.url)
        expect(page.locator("#status")).to_have_text("0 pictures, 0 to upload", timeout=2 * SLOW * 1000)
    here.locator("#chooser").set_input_files([picture("red.png", png(8, 8, (255, 0, 0)))])
    for page in (here, there):
        expect(page.locator("#files")).to_have_text("red.png")
        expect(page.locator("#status")).to_have_text("1 pictures, 0 to upload")

    reader.go_on(to="python -m filesync_web service-worker")
    here.reload()
    expect(here).to_have_title("Album: works offline", timeout=2 * SLOW * 1000)
    expect(here.locator("img")).to_have_js_property("naturalWidth", 8)

    reader.go_on(to="kill")
    here.reload()
    expect(here.locator("img")).to_have_js_property("naturalWidth", 8, timeout=2 * SLOW * 1000)
    here.locator("#chooser").set_input_files([picture("blue.png", png(9, 9, (0, 0, 255)))])
    expect(here.locator("li")).to_have_count(2)
    here.get_by_role("button", name="Delete").first.click()
    expect(here.locator("#files")).to_have_text(re.compile("blue.png"))
    expect(here.locator("#status")).to_have_text("1 pictures, 1 to upload")

    reader.go_on(to=SERVE)
    expect(here.locator("#status")).to_have_text("1 pictures, 0 to upload", timeout=2 * SLOW * 1000)
    expect(there.locator("#files")).to_have_text("blue.png")
    assert next(reader.blocks, None) is None


def test_it_names_the_versions_that_the_site_has() -> None:
    package = (ROOT / "package.json").read_text()
    for name, version in re.findall(r"(pyodide|@pyscript/core)@([\d.]+)", TEXT):
        assert f'"{name}": "{version}"' in package
