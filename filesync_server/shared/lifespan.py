"""The lifespan of apps that run below another: ASGI servers tell only the outermost app of start and end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OVER = "over"


class LifespanError(Exception):
    """An app said that it cannot start, or that its end went wrong."""


@asynccontextmanager
async def running(apps: Sequence[ASGIApp], scope: Scope) -> AsyncIterator[None]:
    """Start the apps in order, and end them the other way round with the block. Raises LifespanError.

    `scope` is that of the lifespan; its `state`, where the server has one, is for all of them. An app that
    knows no lifespan is just there.
    """
    async with AsyncExitStack() as stack:
        for app in dict.fromkeys(apps):
            lifespan = _Lifespan(app, scope)
            stack.push_async_callback(lifespan.end)
            await lifespan.start()
        yield


async def serve_lifespan(apps: Sequence[ASGIApp], scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the server for all the apps."""
    phase = "startup"
    await receive()
    try:
        async with running(apps, scope):
            await send({"type": "lifespan.startup.complete"})
            phase = "shutdown"
            await receive()
    except LifespanError as error:
        await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
    else:
        await send({"type": "lifespan.shutdown.complete"})


class _Lifespan:
    """The server's side of one app's lifespan. The app sees start and end in one task."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        await self._tell("startup")

    async def end(self) -> None:
        if not self._is_over:
            await self._tell("shutdown")
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _tell(self, what: str) -> None:
        """Say it, and wait until it is done, or until the app has ended because it does not listen."""
        self._told.put_nowait({"type": f"lifespan.{what}"})
        message = await self._said.get()
        self._is_over = message["type"] != f"lifespan.{what}.complete"
        if message["type"] == f"lifespan.{what}.failed":
            raise LifespanError(message.get("message") or f"an app failed at its {what}")

    async def _run(self) -> None:
        # An app that knows no lifespan raises; what one that does has to say it says before.
        with contextlib.suppress(Exception):
            await self._app({**self._scope}, self._told.get, self._say)
        self._said.put_nowait({"type": _OVER})

    async def _say(self, message: Message) -> None:
        self._said.put_nowait(message)
