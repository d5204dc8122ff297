"""Lets a part be mounted by any framework, at a path without a slash of its own at the end.

Starlette's `Mount` (so FastAPI's too) leaves the bare path (`/sync`) to redirects. A WebSocket gets none: its
address, as clients are given it, would be refused with 403. A mounted app is not even asked, so all that it
can do is to teach the class this one exception, for apps of its own kind.

Litestar's mounts change the paths below them (`/v1/head/`), which then fit no route. What was asked for is
still in `raw_path`.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

_matches = Mount.matches


class BareMountApp:
    """Answers as the app that it wraps; a `Mount` gives it the bare path as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        Mount.matches = _matches_bare_path_too  # type: ignore[method-assign, assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class OwnPath:
    """Gives the app that it wraps the path as it was asked for, whatever mounted it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(as_asked_for(scope), receive, send)


def as_asked_for(scope: Scope) -> Scope:
    """The scope without what Litestar's mounts do to its path: they add a slash at the end, and a mount at
    `/` takes the first one away."""
    path, raw_path = scope.get("path"), scope.get("raw_path")
    if not path:
        return scope
    is_top = path[:-1] == scope.get("root_path", "")
    if raw_path and path.endswith("/") and not is_top and not unquote_to_bytes(raw_path).endswith(b"/"):
        path = path[:-1]
    if not path.startswith("/"):
        path = f"/{path}"
    return scope if path == scope["path"] else {**scope, "path": path}


def _matches_bare_path_too(mount: Mount, scope: Scope) -> tuple[Match, Scope]:
    match, below = _matches(mount, scope)
    if match is Match.NONE and isinstance(mount.app, BareMountApp) and "path" in scope:
        path = f"{scope['path']}/"
        match, below = _matches(mount, {**scope, "path": path})
        below["path"] = path
    return match, below
