"""What happens between httpx and us: redirects, and that no error of a library passes."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from filesync_web.errors import (
    BlobNotFoundError,
    FileSyncError,
    NetworkError,
    PermanentTransferError,
    StallError,
    StorageError,
)
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.http import HttpxHttp
from filesync_web.ports import HttpResponse

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture
async def http() -> AsyncIterator[HttpxHttp]:
    http = HttpxHttp()
    yield http
    await http.close()


async def answer_with(http: HttpxHttp, handler: Handler) -> None:
    await http.close()
    http._client = httpx.AsyncClient(transport=httpx.MockTransport(handler), follow_redirects=True)


async def put(http: HttpxHttp, blob: Path, url: str = "http://a/1", **more: Any) -> HttpResponse:
    return await http.upload("PUT", url, headers={}, blob=blob, stall_timeout=5, **more)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_an_upload_follows_with_its_body_but_not_with_its_secrets(
    http: HttpxHttp, blob: Path, status: int
) -> None:
    seen: list[tuple[str, str, bytes, str | None]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, str(request.url), request.content, request.headers.get("authorization")))
        if request.url.host == "a":
            return httpx.Response(status, headers={"location": "http://b/2"})
        return httpx.Response(200)

    await answer_with(http, handler)
    answer = await http.upload(
        "PUT",
        "http://a/1",
        headers={"Authorization": "mine"},
        blob=blob,
        start=2,
        end=8,
        stall_timeout=5,
    )
    assert answer.status == 200
    assert seen == [
        ("PUT", "http://a/1", b"234567", "mine"),
        ("PUT", "http://b/2", b"234567", None),
    ]


@pytest.mark.parametrize(
    ("place", "is_told"),
    [("http://b/2", False), ("http://a:81/2", False), ("http://a/2", True), ("https://a/2", True)],
)
@pytest.mark.parametrize("status", [302, 303, 307])
async def test_what_is_for_one_server_is_told_no_other(
    http: HttpxHttp, place: str, is_told: bool, status: int
) -> None:
    seen: list[httpx.Headers] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200) if len(seen) > 1 else httpx.Response(status, headers={"location": place})

    await answer_with(http, handler)
    secrets = {"Authorization": "mine", "X-Api-Key": "mine", "X-Worker-Auth": "mine"}
    await http.request("POST", "http://a/1", headers=secrets, body=b"{}", timeout=5)
    assert ["mine" in headers.values() for headers in seen] == [True, is_told]


async def test_what_is_told_by_https_is_not_told_again_without(http: HttpxHttp, blob: Path) -> None:
    seen: list[httpx.Headers] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(
            307, headers={"location": "http://a/1"} if request.url.scheme == "https" else {}
        )

    await answer_with(http, handler)
    secrets = {"Authorization": "mine"}
    await http.request("POST", "https://a/1", headers=secrets, body=b"{}", timeout=5)
    await http.upload("PUT", "https://a/1", headers=secrets, blob=blob, stall_timeout=5)
    assert [headers.get("authorization") for headers in seen] == ["mine", None, "mine", None]


async def test_an_upload_that_is_sent_to_look_elsewhere_is_not_stored(http: HttpxHttp, blob: Path) -> None:
    await answer_with(http, lambda _request: httpx.Response(303, headers={"location": "http://b/2"}))
    assert (await put(http, blob)).status == 303


async def test_an_upload_that_goes_round_in_circles_ends(http: HttpxHttp, blob: Path) -> None:
    await answer_with(http, lambda _request: httpx.Response(307, headers={"location": "http://a/1"}))
    with pytest.raises(NetworkError, match="too often"):
        await put(http, blob)


ERRORS = [
    httpx.ConnectError("no route"),
    httpx.TooManyRedirects("round and round"),
    httpx.StreamConsumed(),
    httpx.ResponseNotRead(),
    httpx.CookieConflict("two"),
    httpx.InvalidURL("no host"),
    RuntimeError("TCPTransport closed"),
    ValueError("unknown"),
    OSError(errno.EBADF, "bad descriptor"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_no_librarys_error_passes(http: HttpxHttp, blob: Path, error: Exception) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    async def get() -> None:
        async with http.stream("http://a/1?secret", {}, stall_timeout=5) as (_answer, pieces):
            async for _piece in pieces:
                pass

    await answer_with(http, handler)
    for call in (put(http, blob), http.request("POST", "http://a/1?secret", headers={}, timeout=5), get()):
        with pytest.raises(NetworkError) as raised:
            await call
        assert "secret" not in str(raised.value)


async def test_a_time_out_of_the_library_is_a_stall(http: HttpxHttp, blob: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise httpx.WriteTimeout("slow")

    await answer_with(http, handler)
    with pytest.raises(StallError):
        await put(http, blob)


@pytest.mark.parametrize("url", ["http://[", "ftp://a/", "no url", "http://a:99999/", "http://\udce9/"])
async def test_an_address_that_is_none(http: HttpxHttp, blob: Path, url: str) -> None:
    for call in (put(http, blob, url), http.request("GET", url, headers={}, timeout=5)):
        with pytest.raises(NetworkError):
            await call


async def test_a_closed_client_is_no_network(http: HttpxHttp, blob: Path) -> None:
    await http.close()
    with pytest.raises(NetworkError):
        await put(http, blob)


async def test_bytes_that_are_gone_are_not_the_networks_fault(http: HttpxHttp, blob: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    await answer_with(http, handler)
    with pytest.raises(BlobNotFoundError):
        await put(http, blob.with_name("gone"))
    with pytest.raises(StorageError):
        await put(http, blob.parent)  # a folder


async def test_what_the_reader_does_with_the_pieces_is_its_own_error(http: HttpxHttp) -> None:
    async def read() -> None:
        async with http.stream("http://a/1", {}, stall_timeout=5) as (_answer, pieces):
            async for _piece in pieces:
                raise OSError(errno.ENOSPC, "disk full")

    await answer_with(http, lambda _request: httpx.Response(200, stream=httpx.ByteStream(b"abc")))
    with pytest.raises(OSError, match="disk full") as raised:
        await read()
    assert not isinstance(raised.value, FileSyncError)


async def test_a_download_shows_the_object_stores_own_words(http: HttpxHttp, tmp_path: Path) -> None:
    said = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    await answer_with(http, lambda _request: httpx.Response(403, stream=httpx.ByteStream(said)))
    store = DirectoryBlobStore(tmp_path, "s", http)
    with pytest.raises(PermanentTransferError, match=r"403 \(AccessDenied: Request has expired\)"):
        await store.download("http://a/1", {}, content_hash="0" * 64, size=3, stall_timeout=5)
