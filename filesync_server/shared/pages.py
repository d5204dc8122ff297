"""Which pages may use a part: those of this server's own origin, and those of the origins that are listed.

Browsers ask before most requests of a page to another origin (CORS), but not before a WebSocket, and not
before what a plain form could send. So a part looks at the origin itself as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Pages:
    """`origins` has `"*"` for pages of every origin, then without credentials (cookies); `headers` are
    request headers that pages may send beside those of this kit's clients."""

    origins: Sequence[str] = ()
    headers: Sequence[str] = ()

    def admit(self, connection: HTTPConnection, own_origin: str | None = None) -> bool:
        """Whether the page that asks may, or it is no page. `own_origin` is this server's where its Host
        header does not tell."""
        origin = connection.headers.get("origin")
        if origin is None or "*" in self.origins or origin in (*self.origins, own_origin):
            return True
        return _is_at(origin, connection.headers.get("host", ""))


NO_PAGES = Pages()


def _is_at(origin: str, host: str) -> bool:
    """Whether the origin is this host's; a default port may be written or not."""
    try:
        page = urlsplit(origin)
        here = urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        return (page.hostname, page.port or default) == (here.hostname, here.port or default)
    except ValueError:
        return False
