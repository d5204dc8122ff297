"""The static site: types, caching, variants; and nothing outside of its folder."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from filesync_server import create_site
from tests.server.support import TIMEOUT, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    names = [
        "index.html",
        "a.mjs",
        "a.js",
        "a.wasm",
        "a.whl",
        "a.py",
        "a.json",
        "a.css",
        "a.svg",
        "a.zip",
        "sw.js",
    ]
    for name in [*names, "sub/index.html", "app.0123456789abcdef.js"]:
        (site / name).write_text(f"content of {name}")
    (site / "a.wasm.gz").write_bytes(gzip.compress(b"content of a.wasm"))
    (site / "a.wasm.br").write_bytes(b"not really brotli")
    (tmp_path / "secret.txt").write_text("secret")
    (site / "link.txt").symlink_to(tmp_path / "secret.txt")
    return site


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_site(folder)) as url,
        httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client,
    ):
        client.headers["Accept-Encoding"] = "identity"
        yield client


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/sub/", "text/html; charset=utf-8"),
        ("/a.mjs", "text/javascript; charset=utf-8"),
        ("/a.js", "text/javascript; charset=utf-8"),
        ("/a.wasm", "application/wasm"),
        ("/a.whl", "application/zip"),
        ("/a.py", "text/x-python; charset=utf-8"),
        ("/a.json", "application/json"),
        ("/a.css", "text/css; charset=utf-8"),
        ("/a.svg", "image/svg+xml"),
        ("/a.zip", "application/zip"),
    ],
)
async def test_types_and_revalidation(client: httpx.AsyncClient, path: str, content_type: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_file_is_sent_anew(client: httpx.AsyncClient, folder: Path) -> None:
    before = await client.get("/a.py")
    (folder / "a.py").write_text("something else and longer")
    after = await client.get("/a.py", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "something else and longer")


async def test_names_with_a_content_hash_are_immutable(client: httpx.AsyncClient) -> None:
    answer = await client.get("/app.0123456789abcdef.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_scripts_may_be_service_workers_for_everything(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sw.js")).headers["service-worker-allowed"] == "/"
    assert "service-worker-allowed" not in (await client.get("/")).headers


async def test_precompressed_variants(client: httpx.AsyncClient) -> None:
    both = await client.get("/a.wasm", headers={"Accept-Encoding": "gzip;q=1.0, deflate"})
    assert both.headers["content-encoding"] == "gzip"
    assert both.headers["vary"] == "Accept-Encoding"
    assert both.headers["content-type"] == "application/wasm"
    assert both.content == b"content of a.wasm"
    async with client.stream("GET", "/a.wasm", headers={"Accept-Encoding": "gzip, br"}) as brotli:
        assert brotli.headers["content-encoding"] == "br"
    plain = await client.get("/a.wasm")
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != both.headers["etag"]
    refused = await client.get("/a.wasm", headers={"Accept-Encoding": "br;q=0, gzip; q=0"})
    assert "content-encoding" not in refused.headers
    part = await client.get("/a.wasm", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-6"})
    assert (part.status_code, part.content) == (206, b"content")


@pytest.mark.parametrize(
    "path", ["/nothing", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/link.txt", "/a%00b", "/" + "x" * 5000]
)
async def test_nothing_outside_of_the_folder(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/.git/config",
        "/sub/.hidden/file.txt",
        "/.data/objects/url-secret",
        "/%2egit/config",
        "/.hidden.html",
        "/to-env.txt",
        "/to-git/config",
        "/.hidden",
        "/.hidden/",
    ],
)
async def test_nothing_that_begins_with_a_dot_is_served(
    client: httpx.AsyncClient, folder: Path, path: str
) -> None:
    for name in (
        ".env",
        ".git/config",
        "sub/.hidden/file.txt",
        ".data/objects/url-secret",
        ".hidden.html",
        ".hidden/index.html",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    (folder / "to-env.txt").symlink_to(folder / ".env")
    (folder / "to-git").symlink_to(folder / ".git")
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_dots_elsewhere_are_fine(tmp_path: Path) -> None:
    site = tmp_path / ".build" / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("content of index.html")
    (site / "a..b.txt").write_text("dots")
    async with serving(create_site(site)) as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        assert (await client.get("/a..b.txt")).text == "dots"
        assert (await client.get("/")).text == "content of index.html"


async def test_other_methods_are_405(client: httpx.AsyncClient) -> None:
    assert (await client.post("/")).status_code == 405
