"""Why a sync backend does not let a client in, in its own words and in ours."""

from __future__ import annotations

from urllib.parse import urlsplit

from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.errors import SyncAuthError, SyncError
from filesync_web.livestore.ports import SocketClosedError

_REFUSALS = frozenset({400, 401, 403, 404})
_LONGEST_REASON = 200


def reason_in(body: bytes) -> str:
    """What the answer to a refused request says, in plain text or as `{"error": "..."}`; "" when it says
    nothing of the kind: a page of HTML is for others to read."""
    try:
        answer = parse_json(body)
    except ForeignTextError:
        answer = {"error": body.decode("utf-8", "replace").strip()}
    reason = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(reason, str) or not reason.isprintable() or reason.startswith("<"):
        return ""
    return reason[:_LONGEST_REASON]


def refused(status: int, reason: str) -> SocketClosedError:
    """The error of a connection that was refused with that status."""
    text = f"the sync backend refused the connection ({status}"
    return SocketClosedError(f"{text}: {reason})" if reason else f"{text})", status=status)


def origin_refused(url: str, origin: str) -> SocketClosedError:
    """The error of a backend that is there, but that no page of `origin` may talk to."""
    host = urlsplit(url).netloc
    return refused(403, f"{host} does not admit pages of {origin}: allow that origin there")


def error_of_refusal(error: SocketClosedError) -> SyncError | None:
    """What to tell when the backend does not want this client; None when it may be gone for a while only."""
    if error.status not in _REFUSALS:
        return None
    return SyncAuthError(f"{error}; check the URL, the store id and the token")
