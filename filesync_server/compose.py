"""One ASGI app out of the parts, each optional and each under its own path.

    /api                          signer
    /livestore-filesync-files     embedded data plane
    /sync                         LiveStore sync backend
    /                             static site

A path belongs to the first part whose path is a whole-segment prefix of it: `/api/x` is the signer's, `/apiX`
the site's. `Compose` is an app to mount or to serve, `create_app` one that also releases what its parts use.

ASGI servers tell only the outermost app of start and end. Where a framework's own app is outermost, it gets
`parts_lifespan`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from .shared.http import create_part
from .shared.lifespan import running, serve_lifespan
from .shared.mounts import as_asked_for

Closer = Callable[[], Awaitable[None]]
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]
_LIFESPAN: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}


class Compose:
    """Match and delegate: the longest matching path wins, without a match `otherwise` gets the request."""

    def __init__(self, parts: Mapping[str, ASGIApp], otherwise: ASGIApp | None = None) -> None:
        """`parts` maps paths (`/api`, or `/` for everything) to apps, which see the rest as their own
        path."""
        cleaned = {path.rstrip("/"): app for path, app in parts.items()}
        if any(path and not path.startswith("/") for path in cleaned):
            raise ValueError("the path of a part must start with '/'")
        self._parts = sorted(cleaned.items(), key=lambda item: len(item[0]), reverse=True)
        self._otherwise = otherwise or create_part([])

    @property
    def apps(self) -> Sequence[ASGIApp]:
        """All parts, and who gets the rest."""
        return [*(app for _, app in self._parts), self._otherwise]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(self.apps, scope, receive, send)
            return
        scope = as_asked_for(scope)
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root)
        for prefix, app in self._parts:
            if path == prefix or path.startswith(f"{prefix}/"):
                await app(_below(scope, root + prefix), receive, send)
                return
        await self._otherwise(scope, receive, send)


def create_app(parts: Mapping[str, ASGIApp], *, on_close: Sequence[Closer] = ()) -> Starlette:
    """The composed parts as an application that releases what they use (`on_close`, in order) at its end,
    after the ends of the parts themselves."""
    composed = Compose(parts)
    app = Starlette(lifespan=parts_lifespan(*composed.apps, on_close=on_close))
    app.mount("/", composed)
    return app


def parts_lifespan(*apps: ASGIApp, on_close: Sequence[Closer] = ()) -> Lifespan:
    """A lifespan for the application into which `apps` are mounted: it starts and ends with them, and awaits
    `on_close`, in order, behind all of it.

        app = FastAPI(lifespan=parts_lifespan(composed, on_close=[hub.close, store.close]))

    Starlette and FastAPI take it as `lifespan=`, Litestar in `lifespan=[...]`. An application that has one of
    its own enters it there: `async with parts_lifespan(...)(app): ...`. Raises `LifespanError` when one of
    the apps cannot start. `Compose` passes it on to all that is in it.
    """

    @asynccontextmanager
    async def lifespan(_outer: Any) -> AsyncIterator[Any]:
        state: dict[str, Any] = {}
        try:
            async with running(apps, {**_LIFESPAN, "state": state}):
                yield state or None
        finally:
            for close in on_close:
                await close()

    return lifespan


def _below(scope: Scope, root: str) -> Scope:
    below = {**scope, "root_path": root, "app_root_path": scope.get("app_root_path", root)}
    if scope["path"] == root:
        below["path"] = f"{root}/"
    return below
