"""Who is let into the shared demo: who had the token of this run, from its own page, and nobody else."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from filesync_server import token_auth
from filesync_server.command.config import ConfigError, load_settings
from filesync_server.command.main import run
from tools.shared.access import COOKIE, PATH, SharedAccess
from tools.shared.certificate import write_certificate

ORIGIN = "https://192.168.1.7:8000"
TOKEN, APP_TOKEN = "the-token-of-this-run", "the-token-of-the-app"
HAND_IN = {"Authorization": f"Bearer {TOKEN}"}


async def private(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that lets nobody in without its own token."""
    identity = token_auth(APP_TOKEN)(HTTPConnection(scope))
    await PlainTextResponse("let in" if identity else "refused")(scope, receive, send)


@pytest.fixture
async def device() -> AsyncIterator[httpx.AsyncClient]:
    access = SharedAccess(private, origin=ORIGIN, token=TOKEN, app_token=APP_TOKEN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(access), base_url=ORIGIN) as client:
        yield client


def test_no_process_is_served_without_the_access_that_stands_around_it() -> None:
    database = {"FILESYNC_SYNC_DATABASE": "postgresql://nobody@127.0.0.1:1/none"}
    with pytest.raises(ConfigError, match="single process"):
        run(load_settings(["--workers", "2"], database), around=lambda app: app)


async def test_the_token_is_handed_in_for_a_cookie_that_lets_in(device: httpx.AsyncClient) -> None:
    assert (await device.get("/api")).text == "refused"
    answer = await device.post(PATH, headers={**HAND_IN, "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 204
    name_and_value, *attributes = answer.headers["set-cookie"].split("; ")
    assert sorted(map(str.lower, attributes)) == ["httponly", "path=/", "samesite=strict", "secure"]
    assert name_and_value.startswith(f"{COOKIE}=")
    assert not {TOKEN, APP_TOKEN} & set(name_and_value.split("="))
    assert (await device.get("/api")).text == "let in"
    assert (await device.get("/api", headers={"Authorization": "Bearer another"})).text == "let in"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer \u00e4".encode("latin-1")},
        {**HAND_IN, "Origin": "https://192.168.1.7:9000"},
        {**HAND_IN, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_nothing_else_is_a_token(device: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await device.post(PATH, headers=headers)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", [TOKEN, "another"])
async def test_the_token_itself_lets_nobody_in(device: httpx.AsyncClient, token: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Cookie": f"{COOKIE}={token}"},
        {"Cookie": COOKIE},
    ):
        assert (await device.get("/api", headers=headers)).text == "refused"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://192.168.1.7:9000"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_a_page_of_another_origin_cannot_use_the_cookie(
    device: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await device.post(PATH, headers=HAND_IN)
    assert (await device.get("/api", headers=headers)).text == "refused"


@pytest.mark.parametrize("host", ["192.168.1.7", "fd00::2"])
def test_the_certificate_is_for_the_address_alone_and_its_key_is_private(host: str, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    fingerprint = write_certificate(host, certificate, key)
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.IPAddress(ipaddress.ip_address(host))]
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert len(fingerprint.split(":")) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_certificate(host, certificate, key)
