"""Lets an app that is mounted at `/sync` answer at `/sync`, and not at `/sync/` only.

Starlette's `Mount` (so FastAPI's too) leaves the path without the slash to redirects. A WebSocket gets none:
its address, as clients are given it, would be refused with 403. A mounted app is not even asked, so all that
it can do is to teach the class this one exception, for apps of its own kind.
"""

from __future__ import annotations

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


def _matches_bare_path_too(mount: Mount, scope: Scope) -> tuple[Match, Scope]:
    match, below = _matches(mount, scope)
    if match is Match.NONE and isinstance(mount.app, BareMountApp) and "path" in scope:
        path = f"{scope['path']}/"
        match, below = _matches(mount, {**scope, "path": path})
        below["path"] = path
    return match, below
