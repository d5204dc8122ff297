"""HTTP on CPython, by httpx."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from filesync_web.aio.threads import in_thread
from filesync_web.core.failures import shown_url
from filesync_web.errors import (
    BlobNotFoundError,
    FileSyncError,
    InvalidArgumentError,
    NetworkError,
    StallError,
    StorageError,
)
from filesync_web.ports import BlobHandle, HttpResponse, Progress

_CHUNK_SIZE = 256 << 10
_REDIRECTS = frozenset({301, 302, 307, 308})
"""What asks to send the same upload to another place; 303 asks for something else, so it is no success."""
_MAX_REDIRECTS = 5

# It logs every URL at INFO, and the query of a signed URL is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom HTTPS trusts. To read the certificates takes long enough to be done once for all connections."""
    return httpx.create_ssl_context()


class HttpxHttp:
    """The `Http` port, and the streamed GET that the directory's blob store downloads with.

    It belongs to one event loop; `close` ends its connections.
    """

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(follow_redirects=True, verify=_trusted())

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
        with _typed_errors(what, timeout):
            try:
                async with asyncio.timeout(timeout):
                    request = self._client.build_request(
                        method, url, headers=dict(headers), content=body, timeout=timeout
                    )
                    answer = await self._send(
                        request, [name for name in headers if name.lower() != "content-type"]
                    )
            except TimeoutError:
                raise NetworkError(f"{what}: no answer within {timeout} seconds") from None
            return _response(answer)

    async def _send(self, request: httpx.Request, secrets: Sequence[str]) -> httpx.Response:
        """Send it, also to where it is sent on; the headers named `secrets` go to no other server."""
        for _ in range(_MAX_REDIRECTS):
            answer = await self._client.send(request, follow_redirects=False)
            if answer.next_request is None:
                return answer
            before, request = request.url, answer.next_request
            if not _is_same_server(before, request.url):
                for name in secrets:
                    request.headers.pop(name, None)
        raise NetworkError("sent on to another place too often")

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
        """Send bytes [start, end) of the file at the path `blob`; also a second time, to where the answer to
        the first sends us."""
        with _reading(blob):
            size = (await in_thread(Path(blob).stat)).st_size
        end = size if end is None else end
        if not 0 <= start <= end <= size:
            raise InvalidArgumentError(f"bytes {start} to {end} are outside the blob of {size} bytes")
        body = _Body(Path(blob), start, end, progress)
        sent = {**headers, "content-length": str(end - start)}
        with _typed_errors(f"{method} {shown_url(url)}", stall_timeout):
            target = httpx.URL(url)
            for _ in range(_MAX_REDIRECTS):
                answer = await self._client.request(
                    method, target, headers=sent, content=body, timeout=stall_timeout, follow_redirects=False
                )
                location = answer.headers.get("location")
                if answer.status_code not in _REDIRECTS or location is None:
                    return _response(answer)
                target, before = target.join(location), target
                if not _is_same_server(before, target):
                    sent = {name: value for name, value in sent.items() if name.lower() != "authorization"}
            raise NetworkError(f"{method} {shown_url(url)}: sent on to another place too often")

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], *, stall_timeout: float
    ) -> AsyncIterator[tuple[HttpResponse, AsyncIterator[bytes]]]:
        """GET `url`: the answer without its body, and the body piece by piece.

        Raises `NetworkError` and `StallError`, also while the body is read.
        """
        sent = {**headers, "accept-encoding": "identity"}  # a range counts bytes of the content itself
        what = f"GET {shown_url(url)}"
        async with (
            AsyncExitStack() as opened
        ):  # what goes wrong outside, between the pieces, is not typed here
            with _typed_errors(what, stall_timeout):
                opening = self._client.stream("GET", url, headers=sent, timeout=stall_timeout)
                answer = await opened.enter_async_context(opening)
            pieces = await opened.enter_async_context(aclosing(_pieces(answer, what, stall_timeout)))
            yield HttpResponse(answer.status_code, _headers(answer)), pieces


async def _pieces(answer: httpx.Response, what: str, stall_timeout: float) -> AsyncGenerator[bytes, None]:
    with _typed_errors(what, stall_timeout):
        async for piece in answer.aiter_raw():
            yield piece


@dataclass(frozen=True, slots=True)
class _Body:
    """Bytes [start, end) of a file, read anew each time that they are sent; `progress` hears what is handed
    over to be sent."""

    path: Path
    start: int
    end: int
    progress: Progress | None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with ExitStack() as opened, _reading(self.path):  # also when the opening is cancelled
            file = await in_thread(lambda: opened.enter_context(self.path.open("rb")))
            file.seek(self.start)
            left = self.end - self.start
            while left and (chunk := await in_thread(file.read, min(left, _CHUNK_SIZE))):
                yield chunk
                left -= len(chunk)
                if self.progress is not None:
                    self.progress(self.end - self.start - left, self.end - self.start)


@contextmanager
def _reading(path: BlobHandle) -> Iterator[None]:
    """The system's errors with the blob are of the device, not of the network."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobNotFoundError(f"{path} is gone: it was deleted or evicted") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


@contextmanager
def _typed_errors(what: str, seconds: float) -> Iterator[None]:
    """Let no error of a library pass: whatever happens without an answer is a `NetworkError`."""
    try:
        yield
    except FileSyncError:
        raise
    except httpx.TimeoutException as error:
        raise StallError(f"{what}: nothing moved for {seconds} seconds") from error
    except Exception as error:
        raise NetworkError(f"{what}: {type(error).__name__}: {error}") from error


def _is_same_server(before: httpx.URL, after: httpx.URL) -> bool:
    """Whether it is reached by a way that is as safe."""
    is_downgrade = before.scheme == "https" and after.scheme != "https"
    return (before.host, before.port) == (after.host, after.port) and not is_downgrade


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _response(answer: httpx.Response) -> HttpResponse:
    return HttpResponse(answer.status_code, _headers(answer), answer.content)
