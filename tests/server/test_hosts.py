"""The names that a server answers to: those of this machine, and those that it was given."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from filesync_server.command.app import build_app
from filesync_server.command.config import Settings
from filesync_server.shared.hosts import HostCheck
from tests.server.support import TIMEOUT, serving

STRONG = "a-long-and-private-token"


async def status_of(names: list[str], *hosts: str) -> int:
    """What somebody gets who asks for these hosts."""
    app = HostCheck(PlainTextResponse("here"), names)
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    await app({"type": "http", "method": "GET", "path": "/", "headers": headers}, receive, send)
    status = sent[0]["status"]
    assert isinstance(status, int)
    return status


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "app.localhost:1", "127.0.0.1:80", "[::1]:8000", "10.1.2.3"],
)
async def test_the_names_of_this_machine_and_addresses_are_right(host: str) -> None:
    assert await status_of([], host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-localhost",
        "",
        ":80",
        "[",
        "[::1",
        "localhost/x",
        "evil.example@localhost",
        "localhost:x",
        "\xe4",
    ],
)
async def test_other_names_are_refused(host: str) -> None:
    assert await status_of(["files.example", "*.sub.example"], host) == 421


async def test_names_can_be_given() -> None:
    names = ["files.example", "*.sub.example"]
    for host in ("files.example", "Files.Example:443", "files.example.", "a.sub.example"):
        assert await status_of(names, host) == 200
    for host in ("sub.example", "a.b.sub.example", "xfiles.example"):
        assert await status_of(names, host) == 421


async def test_every_host_header_counts_and_who_sends_none_is_no_browser() -> None:
    assert await status_of([], "localhost", "evil.example") == 421
    assert await status_of([]) == 200


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        (Settings(), True),
        (Settings(allowed_hosts=("evil.example",), auth_token=STRONG), False),
        (Settings(public_url="https://evil.example", auth_token=STRONG), False),
        (Settings(public_url="https://files.example", auth_token=STRONG), True),
        (Settings(host="0.0.0.0", auth_token=STRONG), False),
        (Settings(host="0.0.0.0", auth_token=STRONG, allowed_hosts=("files.example",)), True),
    ],
)
async def test_a_rebound_name_reaches_nothing(tmp_path: Path, settings: Settings, refused: bool) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("site")
    values = {name: getattr(settings, name) for name in ("host", "public_url", "allowed_hosts", "auth_token")}
    app = build_app(Settings(data=tmp_path / "data", site=tmp_path / "site", **values))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        for path in ("/", "/api/health", "/sync", "/livestore-filesync-files/a"):
            answer = await client.get(path, headers={"Host": "evil.example"})
            assert (answer.status_code == 421) is refused, path
            assert (await client.get(path)).status_code != 421
        with pytest.raises(InvalidStatus) as refusal:
            await connect(f"{url.replace('http', 'ws')}/sync", additional_headers={"Host": "evil.example"})
        assert (refusal.value.response.status_code == 421) is refused
