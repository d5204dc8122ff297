"""The sync protocol over HTTP, for networks that let no WebSocket through.

To the sync client it is one more `Socket`: what is sent becomes a POST each, whose answer is received. There
is no live pull over HTTP, so it asks again every `POLL_EVERY` seconds, as LiveStore does, and after a push.

An answer is held in memory as a whole, and has to arrive within `ANSWER_TIMEOUT` seconds. So it asks for a
few events at a time: a backlog of any length gets through a slow link, and what has arrived is not asked for
again when the link breaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import first_of
from filesync_web.errors import NetworkError
from filesync_web.livestore.messages import (
    PUSH,
    Chunk,
    Cursor,
    Interrupt,
    Ping,
    Pong,
    PullRequest,
    PullResponse,
    Request,
    ServerMessage,
    Success,
    WireError,
)
from filesync_web.livestore.ports import SocketClosedError, SocketFactory
from filesync_web.livestore.recent import RecentEvents
from filesync_web.livestore.refusals import reason_in, refused
from filesync_web.livestore.wire import (
    decode_answers,
    decode_client,
    decode_pull_request,
    encode,
    pull_request,
)
from filesync_web.ports import Clock, Http

POLL_EVERY = 5.0
CHECK_EVERY = 60.0
"""Seconds after which it asks for the newest events once more, as the backend may have lost them."""
ANSWER_TIMEOUT = 30.0
ANSWER_BYTES = 250_000
_OK = 200


class HttpSocket:
    """The `Socket` port over POSTs to one URL; made by `http_transport`."""

    def __init__(self, http: Http, clock: Clock, store_id: str, url: str) -> None:
        self._http = http
        self._clock = clock
        self._url = url
        self._headers = {"content-type": "application/json", "x-livestore-store-id": store_id}
        self._received: asyncio.Queue[str | Exception] = asyncio.Queue()
        self._tasks = Tasks("a sync connection over HTTP")
        self._poller: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._owes_pong = False
        self._is_behind = False

    async def open(self) -> None:
        """Find out whether the backend takes us."""
        await self._post(encode(Ping()))

    async def send(self, text: str) -> None:
        """Do what a message asks for, in the background."""
        match decode_client(text):
            case Request(_, tag, payload) as request if tag == PUSH:
                push = replace(request, tag="SyncHttpRpc.Push", payload=payload)
                self._begin(self._push(push), "pushing")
            case Request(id_, _, payload):
                self._end_pull()
                self._poller = self._begin(self._pull(id_, decode_pull_request(payload)), "pulling")
            case Interrupt():
                self._end_pull()
            case Ping() if self._is_behind:
                self._hand_over(Pong())  # each answer of a backlog has a time-out of its own
            case Ping():
                self._owes_pong = True
                self._asked.set()
            case _:  # nobody waits for an acknowledgement
                pass

    async def receive(self) -> str:
        """The next message; raises `SocketClosedError` after a failed request."""
        message = await self._received.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def close(self) -> None:
        """Abort all requests."""
        await self._tasks.cancel_and_wait()
        await self._http.close()

    async def _push(self, request: Request) -> None:
        for message in await self._post(encode(request)):
            self._hand_over(message)
        self._asked.set()  # who was too early wants to know what came before

    async def _pull(self, id_: str, pull: PullRequest) -> None:
        """Ask for what comes after the cursor, again and again."""
        pull = replace(pull, max_bytes=ANSWER_BYTES)
        recent = RecentEvents()
        check_at = self._clock.monotonic()  # the cursor of the first question is that of a check
        self._is_behind = True
        while True:
            self._asked.clear()
            self._pay_pong(only_if=self._is_behind)
            is_check = self._clock.monotonic() >= check_at
            if is_check:
                check_at = self._clock.monotonic() + CHECK_EVERY
                pull = replace(pull, cursor=_begin_with(recent, pull.cursor))
            has_more = False
            for value in await self._ask(id_, pull, tells_of_none=is_check):
                if value.batch:
                    has_more = value.remaining != 0
                    recent.add(pulled.event for pulled in value.batch if pulled.event.seq_num > recent.head)
                    pull = replace(pull, cursor=Cursor(value.backend_id, recent.head))
            self._is_behind = has_more
            if not has_more:
                self._pay_pong()
                await first_of(self._asked.wait(), self._clock.sleep(POLL_EVERY))

    async def _ask(self, id_: str, pull: PullRequest, *, tells_of_none: bool) -> list[PullResponse]:
        """One question of a pull: hand its answer over, but for the end; returns what has come. That nothing
        has is handed over only with `tells_of_none`: after a check it says that the backend has lost events.
        """
        values: list[PullResponse] = []
        for message in await self._post(encode(replace(pull_request(id_, pull), tag="SyncHttpRpc.Pull"))):
            match message:
                case Success():
                    pass  # the pull goes on
                case Chunk():
                    values += message.values
                    if tells_of_none or any(value.batch for value in message.values):
                        self._hand_over(message)
                case _:
                    self._hand_over(message)
        return values

    def _pay_pong(self, *, only_if: bool = True) -> None:
        if self._owes_pong and only_if:
            self._owes_pong = False
            self._hand_over(Pong())

    def _end_pull(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            self._poller = None

    def _hand_over(self, message: ServerMessage) -> None:
        self._received.put_nowait(encode(message))

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do it in the background; whoever waits for a message is told the error that ends it."""

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, Exception):
                self._received.put_nowait(error)

        return self._tasks.spawn(work, name, on_end=ended)

    async def _post(self, body: str) -> list[ServerMessage]:
        try:
            answer = await self._http.request(
                "POST", self._url, headers=self._headers, body=body.encode(), timeout=ANSWER_TIMEOUT
            )
        except NetworkError as error:
            raise SocketClosedError(f"the sync backend cannot be reached: {error}") from error
        if answer.status != _OK:
            raise refused(answer.status, reason_in(answer.body))
        try:
            return decode_answers(answer.body)
        except WireError as error:
            raise SocketClosedError(f"the sync backend gave an answer that is none: {error}") from error


def http_transport(store_id: str, make_http: Callable[[], Http], clock: Clock) -> SocketFactory:
    """The `SocketFactory` of one store over HTTP; each connection has, and closes, an `Http` of its own."""

    async def open_http_socket(url: str) -> HttpSocket:
        socket = HttpSocket(make_http(), clock, store_id, url)
        try:
            await socket.open()
        except BaseException:
            await socket.close()
            raise
        return socket

    return open_http_socket


def _begin_with(recent: RecentEvents, cursor: Cursor | None) -> Cursor | None:
    """Where to ask from for the newest events; the caller's own cursor does so for the first question."""
    before = recent.begin()
    if not recent.head:
        return cursor
    return Cursor(cursor.backend_id, before) if before and cursor is not None else None
