"""How the gallery signs in: with the development server's token, or by a cookie where the server is shared.

The address of a shared server has a token behind its `#`, which is handed in once. From then on the browser
has a cookie, which is no business of this page; the token is gone from the address and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyodide.ffi import JsException
from pyscript import window
from remembered import Remembered

DEVELOPMENT_TOKEN = "dev-token-change-in-production"  # noqa: S105 - a real app asks its user to log in
FRAGMENT = "#token="
SHARE_URL = "/share"
HAS_COOKIE = Remembered("has-cookie")
"""No script can see the cookie itself."""


@dataclass(frozen=True)
class Session:
    """How to sign in: by a token, or with None by a cookie. `problem` is what the reader has to know."""

    token: str | None
    problem: str = ""


async def sign_in() -> Session:
    """Hand in the token of the address, when there is one."""
    fragment, problem = str(window.location.hash), ""
    if fragment.startswith(FRAGMENT):
        try:
            problem = await _hand_in(fragment.removeprefix(FRAGMENT))
        except JsException as error:  # there is no network: a reload tries it again
            window.console.info(f"Not signed in: {error}")
    return Session(None if HAS_COOKIE.read() else DEVELOPMENT_TOKEN, problem)


async def _hand_in(token: str) -> str:
    """What is wrong with it, if anything."""
    headers = window.Headers.new()
    headers.set("Authorization", f"Bearer {token}")
    answer = await window.fetch(window.Request.new(SHARE_URL, method="POST", headers=headers))
    if not answer.ok:
        return "The server was started anew: scan the code that it shows now, to sync with it."
    HAS_COOKIE.write("yes")
    window.history.replaceState(None, "", f"{window.location.pathname}{window.location.search}")
    return ""
