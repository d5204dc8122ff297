"""HTTP on CPython, by httpx."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx

from filesync_web.aio.threads import in_thread
from filesync_web.core.failures import shown_url
from filesync_web.errors import InvalidArgumentError, NetworkError, StallError
from filesync_web.ports import BlobHandle, HttpResponse, Progress

_CHUNK_SIZE = 256 << 10

# It logs every URL at INFO, and the query of a signed URL is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class HttpxHttp:
    """The `Http` port, and the streamed GET that the directory's blob store downloads with.

    It belongs to one event loop; `close` ends its connections.
    """

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(follow_redirects=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float,
    ) -> HttpResponse:
        """Send a small request; raises `NetworkError` without a complete answer in `timeout` seconds."""
        what = f"{method} {shown_url(url)}"
        try:
            async with asyncio.timeout(timeout):
                answer = await self._client.request(
                    method, url, headers=dict(headers), content=body, timeout=timeout
                )
        except TimeoutError:
            raise NetworkError(f"{what}: no answer within {timeout} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _network_error(what, error, timeout) from error
        return _response(answer)

    async def upload(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        blob: BlobHandle,
        start: int = 0,
        end: int | None = None,
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> HttpResponse:
        """Send bytes [start, end) of the file at the path `blob`."""
        size = (await in_thread(Path(blob).stat)).st_size
        end = size if end is None else end
        if not 0 <= start <= end <= size:
            raise InvalidArgumentError(f"bytes {start} to {end} are outside the blob of {size} bytes")
        body = _read(Path(blob), start, end, progress)
        sent = {**headers, "content-length": str(end - start)}
        try:
            answer = await self._client.request(
                method, url, headers=sent, content=body, timeout=stall_timeout
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _network_error(f"{method} {shown_url(url)}", error, stall_timeout) from error
        return _response(answer)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], *, stall_timeout: float
    ) -> AsyncIterator[tuple[HttpResponse, AsyncIterator[bytes]]]:
        """GET `url`: the answer without its body, and the body piece by piece.

        Raises `NetworkError` and `StallError`, also while the body is read.
        """
        sent = {**headers, "accept-encoding": "identity"}  # a range counts bytes of the content itself
        try:
            async with self._client.stream("GET", url, headers=sent, timeout=stall_timeout) as answer:
                yield HttpResponse(answer.status_code, _headers(answer)), answer.aiter_raw()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _network_error(f"GET {shown_url(url)}", error, stall_timeout) from error


async def _read(path: Path, start: int, end: int, progress: Progress | None) -> AsyncIterator[bytes]:
    """Bytes [start, end) of a file, reporting what was handed over to be sent."""
    with ExitStack() as opened:  # also when the opening is cancelled
        file = await in_thread(lambda: opened.enter_context(path.open("rb")))
        file.seek(start)
        left = end - start
        while left and (chunk := await in_thread(file.read, min(left, _CHUNK_SIZE))):
            yield chunk
            left -= len(chunk)
            if progress is not None:
                progress(end - start - left, end - start)


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _response(answer: httpx.Response) -> HttpResponse:
    return HttpResponse(answer.status_code, _headers(answer), answer.content)


def _network_error(what: str, error: Exception, seconds: float) -> NetworkError:
    if isinstance(error, httpx.TimeoutException):
        return StallError(f"{what}: nothing moved for {seconds} seconds")
    return NetworkError(f"{what}: {type(error).__name__}: {error}")
