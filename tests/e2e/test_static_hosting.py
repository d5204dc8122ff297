"""Apps below a sub-path of plain static hosting, under a strict policy; the kit's server is elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.gallery import SLOW, Gallery, picture, png, sha256, with_source
from tests.e2e.test_content_security_policy import no_violation
from tests.e2e.test_readme import the_page
from tests.harness import ServerProcess
from tests.harness.headers_server import documented_policy
from tests.harness.static_host import StaticHost
from tools.common import ROOT
from tools.site import CONFIG

PICTURE = png(40, 30, (10, 20, 30))
APP = "people/ada/album"

NewContext = Callable[..., BrowserContext]


@dataclass
class Hosting:
    """`url` is the app's, below the root of the host's origin; `server` is the kit's."""

    host: StaticHost
    server: ServerProcess
    url: str


@pytest.fixture(scope="module")
def hosting(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    root = tmp_path_factory.mktemp("host")
    app = root / APP
    shutil.copytree(test_site, app, ignore=shutil.ignore_patterns("testing"))
    host = StaticHost(root)
    data = tmp_path_factory.mktemp("server")
    server = ServerProcess(root, data, FILESYNC_ALLOWED_ORIGINS=host.url)
    server.start()
    shutil.copy2(ROOT / "demo" / "app.py", app)
    (app / CONFIG).write_text(with_source((app / CONFIG).read_text(), "app.py"))
    name_server(app / "app.py", server.url)
    (app / "hello.html").write_text(the_page())
    name_server(app / "hello.html", server.url)
    generate_service_worker(app)
    connect = f"{server.url} {server.url.replace('http', 'ws')}"
    host.headers |= documented_policy(app / "index.html", app / "hello.html", connect=connect)
    yield Hosting(host, server, f"{host.url}/{APP}/")
    host.stop()
    server.stop()


def name_server(page: Path, server: str) -> None:
    """What an author changes: where the server is, and that everything else is beside the page."""
    text = page.read_text()
    for path in ('"/api"', '"/sync"'):
        assert path in text
        text = text.replace(path, f'"{server}{path[1:-1]}"')
    for folder in ("pyodide", "pyscript", "wheels"):
        text = text.replace(f'"/{folder}/', f'"./{folder}/')
    register = "register_file_sync_service_worker("
    page.write_text(text.replace(f"{register}signer", f'{register}"./filesync-sw.js", signer'))


def generate_service_worker(app: Path) -> None:
    command = [sys.executable, "-m", "filesync_web", "service-worker", "--out", str(app)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--precache-dir", str(app)], env=environment, check=True)


def wait_for_service_worker(page: Page) -> None:
    page.wait_for_function("() => navigator.serviceWorker.controller", timeout=2 * SLOW * 1000)


FETCH = """async (url) => {
    const answer = await fetch(url);
    return [answer.status, answer.headers.get("x-source"), (await answer.arrayBuffer()).byteLength];
}"""


def test_the_gallery_works_below_a_sub_path_with_the_server_elsewhere(
    hosting: Hosting, new_context: NewContext, store_id: str
) -> None:
    here = Gallery(new_context(base_url=hosting.url).new_page())
    with no_violation(here.page):
        here.go(store_id)
        here.add(picture("red.png", PICTURE))
        here.card(0).expect_image(40, 30)
        here.expect_all_uploaded()
        there = Gallery.open(new_context(base_url=hosting.url), store_id)
        there.card(0).expect_image(40, 30)

        wait_for_service_worker(here.page)
        scope = "navigator.serviceWorker.ready.then((registration) => registration.scope)"
        assert here.page.evaluate(scope) == hosting.url
        path = f"/livestore-filesync-files/{store_id}/{sha256(PICTURE)}"
        assert here.page.evaluate(FETCH, path) == [200, "local", len(PICTURE)]


@pytest.mark.thorough
def test_a_page_of_ones_own_below_a_sub_path_opens_without_a_network(
    hosting: Hosting, new_context: NewContext
) -> None:
    context = new_context()
    page = context.new_page()
    page.goto(f"{hosting.url}hello.html")
    expect(page.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
    page.locator("#chooser").set_input_files([picture("dot.png", PICTURE)])
    expect(page.locator("#files")).to_have_text("dot.png: uploaded")
    wait_for_service_worker(page)
    context.set_offline(True)
    page.reload()
    expect(page.locator("#files")).to_have_text("dot.png: uploaded", timeout=2 * SLOW * 1000)
