"""A network in memory: a request is held until the test answers it, or a rule does.

Vocabulary: a *held request* waits for the test; a *rule* answers every request that it wants to; a *plan* is
a list of outcomes for the next requests that match. They are asked in this order: offline, plans, rules (the
newest first); what is left is held.

Time does not pass here: a reply that stalls raises `StallError` at once, and time-outs never run out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from filesync_web.errors import InvalidArgumentError, NetworkError, StallError
from filesync_web.ports import BlobHandle, HttpResponse, Progress


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or the part of it that arrives.

    After `cut_after` bytes of the body the connection breaks; after `stall_after` nothing comes any more.
    `is_elsewhere`: it comes from another place, as in a browser after a redirect.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    stall_after: int | None = None
    is_elsewhere: bool = False

    def read(self, url: str) -> HttpResponse:
        """The complete answer, or the error of an incomplete one."""
        self.check(url)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return HttpResponse(self.status, headers, self.body, self.is_elsewhere)

    def arriving(self) -> bytes:
        """The bytes of the body that arrive."""
        return self.body[
            : min(len(self.body) if n is None else n for n in (self.cut_after, self.stall_after))
        ]

    def check(self, url: str) -> None:
        """Raise what a reader meets after `arriving`."""
        if self.stall_after is not None:
            raise StallError(f"{url}: no byte came for too long")
        if self.cut_after is not None:
            raise NetworkError(f"{url}: the connection broke after {self.cut_after} bytes")


Outcome = Reply | Exception
Match = str | Callable[["HeldRequest"], bool]
"""A part of `"<METHOD> <url>"`, or a test of the request."""
Rule = Callable[["HeldRequest"], Outcome | None]


class HeldRequest:
    """A request on its way: what was asked, and the means to answer it."""

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        progress: Progress | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.aborted = False
        self.taken = False
        self._progress = progress
        self._answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"<{self.method} {self.url} {len(self.body)} bytes>"

    @property
    def answered(self) -> bool:
        """Whether it has its answer, failed or was aborted."""
        return self._answer.done()

    def matches(self, match: Match) -> bool:
        return match in f"{self.method} {self.url}" if isinstance(match, str) else match(self)

    def move(self, sent: int) -> None:
        """Report that `sent` bytes of the body are on their way."""
        if self._progress is not None:
            self._progress(sent, len(self.body))

    def respond(self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answer it."""
        self.finish(Reply(status, headers or {}, body))

    def fail(self, error: Exception | None = None) -> None:
        """Let it end without an answer: by default as a broken connection."""
        self.finish(error or NetworkError(f"{self.url}: the connection broke"))

    def finish(self, outcome: Outcome) -> None:
        """Answer or fail it; raises `asyncio.InvalidStateError` when that was done before."""
        if isinstance(outcome, Exception):
            self._answer.set_exception(outcome)
            return
        if self.body and outcome.cut_after is None and outcome.stall_after is None:
            self.move(len(self.body))
        self._answer.set_result(outcome)

    async def wait(self) -> Reply:
        """Wait for the answer; a cancelled wait aborts the request."""
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.aborted = True
            raise


class MemoryNetwork:
    """The wire between fakes: `online` cuts it, `requests` is all that was ever asked."""

    def __init__(self) -> None:
        self.requests: list[HeldRequest] = []
        self._online = True
        self._rules: list[Rule] = []
        self._plans: list[tuple[Match, deque[Outcome | None]]] = []
        self._held: list[HeldRequest] = []
        self._waiters: list[tuple[Match, asyncio.Future[HeldRequest]]] = []

    @property
    def online(self) -> bool:
        """Whether requests get through; setting it to False fails those that are held."""
        return self._online

    @online.setter
    def online(self, value: bool) -> None:
        self._online = value
        if not value:
            for request in self.held:
                request.fail(NetworkError(f"{request.url}: offline"))

    @property
    def held(self) -> list[HeldRequest]:
        """The requests that wait for the test, oldest first."""
        self._held = [request for request in self._held if not request.answered]
        return list(self._held)

    def rule(self, rule: Rule) -> None:
        """Ask `rule` about every request from now on; None leaves it to older rules and to the test."""
        self._rules.insert(0, rule)

    def plan(self, match: Match, *outcomes: Outcome | None) -> Collection[Outcome | None]:
        """Give the next requests that match these outcomes, one each; None lets a request through. Returns
        those that are left, at any time."""
        left = deque(outcomes)
        self._plans.append((match, left))
        return left

    async def next(self, match: Match = "") -> HeldRequest:
        """Wait for a held request that matches and that no earlier call returned."""
        for request in self.held:
            if not request.taken and request.matches(match):
                request.taken = True
                return request
        waiter: asyncio.Future[HeldRequest] = asyncio.get_running_loop().create_future()
        self._waiters.append((match, waiter))
        return await waiter

    async def exchange(self, request: HeldRequest) -> Reply:
        """Send a request and wait for its reply."""
        self.requests.append(request)
        if not self._online:
            raise NetworkError(f"{request.url}: offline")
        outcome = self._planned(request) or self._ruled(request)
        if outcome is not None:
            await asyncio.sleep(0)
            request.finish(outcome)
        else:
            self._hold(request)
        return await request.wait()

    def _planned(self, request: HeldRequest) -> Outcome | None:
        for match, outcomes in self._plans:
            if outcomes and request.matches(match):
                return outcomes.popleft()
        return None

    def _ruled(self, request: HeldRequest) -> Outcome | None:
        return next((outcome for rule in self._rules if (outcome := rule(request)) is not None), None)

    def _hold(self, request: HeldRequest) -> None:
        self._held.append(request)
        for match, waiter in self._waiters:
            if not waiter.done() and request.matches(match):
                request.taken = True
                waiter.set_result(request)
                break
        self._waiters = [entry for entry in self._waiters if not entry[1].done()]


class HeldHttp:
    """The `Http` port over a `MemoryNetwork`; blobs are those of `MemoryBlobStore`."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network

    async def close(self) -> None:
        """Nothing is held open."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float,
    ) -> HttpResponse:
        """Send it over the network and wait for the answer."""
        del timeout  # time does not pass here
        reply = await self.network.exchange(HeldRequest(method, url, headers, body or b""))
        return reply.read(url)

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
        """Send the bytes of a `MemoryBlob` over the network and wait for the answer."""
        del stall_timeout  # time does not pass here
        data: bytes = blob.data
        end = len(data) if end is None else end
        if not 0 <= start <= end <= len(data):
            raise InvalidArgumentError(f"bytes {start} to {end} are outside the blob of {len(data)} bytes")
        reply = await self.network.exchange(HeldRequest(method, url, headers, data[start:end], progress))
        return reply.read(url)
