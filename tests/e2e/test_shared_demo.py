"""The demo that is shared in the network: over https, with the token that is in the address it prints."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import TOKEN, Gallery, picture, png
from tests.harness import ServerProcess
from tests.harness.server import HOST
from tools.environment import PYTHON

RED = png(40, 30, (255, 0, 0))
NewContext = Callable[..., BrowserContext]


class SharedServer(ServerProcess):
    """What `build.py demo --share` starts, on loopback."""

    @property
    def address(self) -> str:
        """The address with the token, as it is printed."""
        (found,) = re.findall(r"the demo is shared at (https://\S+)", self.read_log())
        return str(found)

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def token(self) -> str:
        return self.address.partition("#token=")[2]

    def _command(self) -> list[str | Path]:
        return [PYTHON, "-m", "tools.shared", HOST, str(self.port), self.data, self.site]

    def _is_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


@pytest.fixture(scope="module")
def shared(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    process = SharedServer(
        test_site, tmp_path_factory.mktemp("shared"), FILESYNC_AUTH_TOKEN="a-token-of-this-shell"
    )
    process.start()
    yield process
    process.stop()


def on_a_device(new_context: NewContext, asked: list[str]) -> Gallery:
    """A page of a browser of its own that has accepted the certificate, and notes all that it asks for."""
    context = new_context(ignore_https_errors=True)
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda websocket: asked.append(websocket.url))
    return Gallery(page)


@pytest.mark.only_in("chromium", reason="Playwright does not tell of sockets there")
def test_a_phone_that_has_the_address_sees_what_is_there(
    shared: SharedServer, new_context: NewContext
) -> None:
    asked: list[str] = []
    computer, phone = on_a_device(new_context, asked), on_a_device(new_context, asked)
    for gallery in (computer, phone):
        gallery.page.goto(shared.address)
    for gallery in (computer, phone):
        gallery.expect_ready()
        expect(gallery.page).to_have_url(f"{shared.origin}/")
    computer.add(picture("red.png", RED))
    phone.card(0).expect_image(40, 30)
    computer.card(0).expect_uploaded()
    assert any(url.startswith("wss:") for url in asked)
    assert [url for url in asked if shared.token in url] == []
    assert shared.read_log().count(shared.token) == 1, "where it is printed"
    for where in ("Object.entries(localStorage)", "Object.entries(sessionStorage)", "document.cookie"):
        assert shared.token not in str(phone.page.evaluate(where))


def test_without_the_token_everything_but_the_page_is_refused(
    shared: SharedServer, new_context: NewContext
) -> None:
    stranger = new_context(ignore_https_errors=True, base_url=shared.origin).request
    assert stranger.get("/").status == 200
    for token in (TOKEN, "a-token-of-this-shell", shared.token):
        bearer = {"Authorization": f"Bearer {token}"}
        asked = {"keys": ["gallery/" + 64 * "0"]}
        assert stranger.post("/api/v1/sign/download", headers=bearer, data=asked).status == 401
        assert stranger.get(f"/livestore-filesync-files/gallery/{64 * '0'}", headers=bearer).status == 401
        payload = quote(json.dumps({"authToken": token}))
        pull = f"/sync?storeId=gallery&transport=http&payload={payload}"
        assert stranger.post(pull, headers=bearer, data="{}").status == 400


@pytest.mark.thorough
def test_an_address_of_an_earlier_run_opens_the_gallery_and_says_so(
    shared: SharedServer, new_context: NewContext
) -> None:
    gallery = on_a_device(new_context, [])
    gallery.page.goto(f"{shared.origin}/#token=of-an-earlier-run")
    gallery.expect_ready()
    expect(gallery.toasts.first).to_contain_text("The server was started anew")
