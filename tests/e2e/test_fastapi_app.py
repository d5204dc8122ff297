"""The whole example, in real browsers: two users, a private store each, and one that they share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from examples.fastapi_app.users import Users
from tests.e2e.gallery import SLOW
from tests.harness import ServerProcess
from tests.harness.browser import PageErrors
from tests.harness.fixtures import _contexts
from tests.harness.waiting import wait_until

TOKEN_SECONDS = 10
LONG = 2 * SLOW * 1000
PARTS = ("signer", "data plane", "sync by WebSocket", "sync by HTTP")
ACTIONS = ("read", "list", "write", "delete")
ATTEMPT = (Path(__file__).parent / "attempt.js").read_text()


class Example(ServerProcess):
    """The example with uvicorn, as its first lines say."""

    _path = "/app/"

    def __init__(self, site: Path, data: Path) -> None:
        settings = {"EXAMPLE_KEY": "k" * 64, "EXAMPLE_SITE": str(site), "EXAMPLE_DATA": str(data / "app")}
        super().__init__(site, data, **settings, EXAMPLE_TOKEN_SECONDS=str(TOKEN_SECONDS))

    def _command(self) -> list[str | Path]:
        app = ["--factory", "examples.fastapi_app.main:make_app"]
        return [sys.executable, "-m", "uvicorn", *app, "--port", str(self.port)]


@pytest.fixture
def example(test_site: Path, tmp_path: Path) -> Iterator[Example]:
    server = Example(test_site, tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_user(
    browser: Browser, all_page_errors: PageErrors, example: Example
) -> Iterator[Callable[..., Page]]:
    """A browser of somebody who signed up, at the shared files."""
    for make in _contexts(browser, all_page_errors, example.url):
        yield partial(_signed_up, make)


def _signed_up(make: Callable[[], BrowserContext], name: str, by: str = "page") -> Page:
    context = make()
    page, password = context.new_page(), f"the password of {name}"
    if by == "page":
        page.goto("/app/")
        expect(page.locator("#state")).to_have_text("log in", timeout=LONG)
        page.locator("#name").fill(name)
        page.locator("#password").fill(password)
        page.locator("#signup").click()
    else:
        for path in ("/signup", "/login"):
            assert context.request.post(path, data={"name": name, "password": password}).ok
        page.goto("/app/")
    expect(page.locator("#state")).to_have_text("shared", timeout=LONG)
    return page


def _save(page: Page, name: str) -> None:
    file: Any = {"name": name, "mimeType": "text/plain", "buffer": name.encode()}
    page.locator("#chooser").set_input_files([file])


def _token(page: Page) -> str:
    token: str = page.evaluate("async () => (await (await fetch('/token', {method: 'POST'})).json()).token")
    return token


def _attempts(page: Page, store: str, token: str | None = None) -> dict[tuple[str, str], int]:
    """The table: what comes of each action by each part. 200 means done, 4xx or a closed socket refused.
    Without a token each has a fresh one: none lives as long as all of this may take."""
    return {
        (part, action): page.evaluate(ATTEMPT, [part, action, token or _token(page), store])
        for part in PARTS
        for action in ACTIONS
    }


@pytest.mark.thorough
def test_two_users_share_one_store_and_have_one_of_their_own(
    new_user: Callable[..., Page], example: Example
) -> None:
    ann, bob = new_user("ann"), new_user("bob", by="request")
    assert bob.context.request.post("/signup", data={"name": "ann", "password": "x" * 8}).status == 409
    assert bob.context.request.post("/login", data={"name": "ann", "password": "x" * 8}).status == 401
    _save(ann, "for-both.txt")
    for page in (ann, bob):
        expect(page.locator("#files")).to_have_text("for-both.txt: uploaded", timeout=LONG)

    # Offline: what is saved is kept, and comes when the network does.
    bob.context.set_offline(True)
    _save(bob, "offline.txt")
    expect(bob.locator("#files")).to_have_text("for-both.txt: uploaded, offline.txt: saved")
    bob.context.set_offline(False)
    for page in (ann, bob):
        expect(page.locator("#files")).to_have_text(
            "for-both.txt: uploaded, offline.txt: uploaded", timeout=LONG
        )

    # Private: whatever bob tries, he gets nothing of ann's; she herself gets all of it.
    ann.goto("/app/?store=private")
    expect(ann.locator("#state")).to_have_text("private", timeout=LONG)
    expect(ann.locator("#files")).to_have_text("nothing yet")
    _save(ann, "secret.txt")
    expect(ann.locator("#files")).to_have_text("secret.txt: uploaded", timeout=LONG)
    refused = _attempts(bob, "private-ann")
    assert {key: status for key, status in refused.items() if not 400 <= status < 500} == {}
    done = _attempts(ann, "private-ann")
    # The data plane has no DELETE; its objects are deleted by the signer.
    assert {key for key, status in done.items() if status not in {200, 204}} == {("data plane", "delete")}

    # Revoked: out of everything within the token's life, and not let in again.
    token = _token(bob)
    Users(example.data / "app" / "users.sqlite").revoke("bob")
    expect(bob.locator("#state")).to_have_text("logged out", timeout=(TOKEN_SECONDS + SLOW) * 1000)
    ann.goto("/app/")
    expect(ann.locator("#state")).to_have_text("shared", timeout=LONG)
    _save(ann, "after.txt")
    everything = "for-both.txt: uploaded, offline.txt: uploaded, after.txt: uploaded"
    expect(ann.locator("#files")).to_have_text(everything, timeout=LONG)
    expect(bob.locator("#files")).to_have_text("for-both.txt: uploaded, offline.txt: uploaded")
    wait_until(
        lambda: all(400 <= status < 500 for status in _attempts(bob, "shared", token).values()),
        "the token of the revoked user opens nothing",
        timeout=TOKEN_SECONDS + SLOW,
        page=bob,
    )
    assert bob.context.request.post("/token").status == 401


def test_the_example_is_short() -> None:
    files = [path for path in Path("examples/fastapi_app").rglob("*") if path.suffix in {".py", ".html"}]
    assert sum(len(path.read_text().splitlines()) for path in files) < 200
