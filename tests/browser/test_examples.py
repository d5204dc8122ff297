"""The small apps in examples/, each in a browser as it is."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator

import pypdf
import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.harness import Profile, ServerProcess
from tools.common import ROOT, build_lock
from tools.pyodide_dist import build_pyodide_dist

EXAMPLES = ROOT / "examples"
APPS = ("notes", "csv", "recorder", "scanner")
START = 60_000.0
"""Milliseconds until Python runs, on a busy machine."""
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
DRAW = """
async () => {
    const canvas = new OffscreenCanvas(300, 400);
    canvas.getContext('2d').fillRect(20, 20, 100, 50);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
}
"""
CONTENT = """
async (link) => btoa(String.fromCharCode(...new Uint8Array(await (await fetch(link.href)).arrayBuffer())))
"""


@pytest.fixture(scope="module", autouse=True)
def apps(server: ServerProcess) -> Iterator[None]:
    """The site has them meanwhile, and the one package that one of them needs."""
    for app in APPS:
        shutil.copytree(EXAMPLES / app, server.site / app)
    with build_lock():
        (pdf,) = build_pyodide_dist().glob("pypdf-*.whl")
    wheel = server.site / "wheels" / pdf.name
    shutil.copy2(pdf, wheel)
    yield
    for app in APPS:
        shutil.rmtree(server.site / app)
    wheel.unlink()


def chosen(name: str, mime_type: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": mime_type, "buffer": content}


@pytest.mark.thorough
# --8<-- [start:notes]
def test_a_note_and_its_attachment_reach_another_device(new_context: Callable[..., BrowserContext]) -> None:
    here, there = new_context().new_page(), new_context().new_page()
    for page in (here, there):
        page.goto("/notes/")
        expect(page.locator("#status")).to_have_text("all sent", timeout=START)
    here.locator("#text").fill("Buy paint")
    paint = {"name": "colours.txt", "mimeType": "text/plain", "buffer": b"red, blue"}
    here.locator("#chooser").set_input_files([paint])
    here.locator("#add").click()
    for page in (here, there):
        expect(page.locator("#notes li")).to_have_text("Buy paint [colours.txt]")
    expect(here.locator("#status")).to_have_text("all sent")
    link = there.locator("#notes a")
    expect(link).to_have_attribute("href", re.compile("."))
    assert link.evaluate("async (link) => (await fetch(link.href)).text()") == "red, blue"


# --8<-- [end:notes]


def test_a_table_is_added_up_and_its_sums_are_a_table(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context().new_page()
    page.goto("/csv/")
    expect(page.locator("#sums")).to_have_text("ready", timeout=START)
    lines = ["city,amount,count", *(f"Ulm,{number}.5,1" for number in range(30))]
    page.locator("#chooser").set_input_files([chosen("orders.csv", "text/csv", "\n".join(lines).encode())])
    expect(page.locator("#sums")).to_have_text("amount: 450, count: 30")
    expect(page.locator("#rows tr")).to_have_count(21)
    page.locator("#save").click()
    expect(page.locator("#table option")).to_have_text(["orders.csv", "sums of orders.csv"])
    page.locator("#table").select_option("sums of orders.csv")
    expect(page.locator("#rows tr")).to_have_text(["amountcount", "450.030.0"])


@pytest.mark.thorough
def test_a_memo_is_recorded_and_played(new_profile: Callable[..., Profile]) -> None:
    page = new_profile().open(*MICROPHONE).new_page()
    page.goto("/recorder/")
    expect(page.locator("#status")).to_have_text("ready", timeout=START)
    page.locator("#record").click()
    expect(page.locator("#status")).to_have_text("recording, 1 s", timeout=START)
    page.locator("#stop").click()
    expect(page.locator("#status")).to_have_text("ready", timeout=START)
    player = page.locator("audio")
    expect(player).to_have_js_property("readyState", 4, timeout=START)
    player.evaluate("(player) => { player.muted = true; return player.play(); }")  # also where nothing sounds
    expect(player).to_have_js_property("error", None)


@pytest.mark.thorough
def test_photographs_become_a_pdf(new_context: Callable[..., BrowserContext]) -> None:
    page: Page = new_context().new_page()
    page.goto("/scanner/")
    expect(page.locator("#status")).to_have_text("ready", timeout=START)
    photo = base64.b64decode(page.evaluate(DRAW))
    page.locator("#chooser").set_input_files([chosen(f"{n}.png", "image/png", photo) for n in (1, 2)])
    expect(page.locator("#status")).to_have_text("saved, 2 pages")
    link = page.locator("#documents a")
    expect(link).to_have_attribute("href", re.compile("."))
    document = pypdf.PdfReader(io.BytesIO(base64.b64decode(link.evaluate(CONTENT))))
    assert [(one.mediabox.width, one.mediabox.height) for one in document.pages] == [(300, 400)] * 2
    (picture,) = document.pages[1].images
    assert picture.image
    assert picture.image.size == (300, 400)


def test_each_is_under_a_hundred_lines() -> None:
    for app in APPS:
        files = [path for path in (EXAMPLES / app).iterdir() if path.is_file()]
        lines = sum(len(path.read_text().splitlines()) for path in files)
        assert lines < 100, f"{app}: {lines} lines"
