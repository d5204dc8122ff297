"""Asks the server's parts one by one, to say which of them refuses or does not answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from filesync_web.command.settings import Settings
from filesync_web.core.failures import error_for_status
from filesync_web.core.foreign import parse_members
from filesync_web.core.refusals import read_refusal
from filesync_web.errors import ServerError, SyncError, TransferError
from filesync_web.livestore.ports import SocketClosedError
from filesync_web.livestore.refusals import error_of_refusal
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.livestore.wire import sync_query
from filesync_web.native.http import HttpxHttp
from filesync_web.native.web_socket import open_native_socket
from filesync_web.ports import HttpResponse

TIMEOUT = 15.0
"""Seconds."""
NO_CONTENT = "0" * 64
"""The hash of no bytes that anybody has: keys with it are asked about, never written."""


@dataclass(frozen=True, slots=True)
class SignerAnswer:
    """What a signer says of itself. `date`: its clock, as the header has it."""

    features: tuple[str, ...]
    date: str


class Probes:
    """The parts of one server.

    They raise `AuthError` or `SyncAuthError` when the token is refused, `NetworkError`, `ServerError` or
    `SyncError` when there is no answer, or a wrong one.
    """

    def __init__(self, settings: Settings, http: HttpxHttp) -> None:
        self._settings = settings
        self._http = http

    async def signer(self) -> SignerAnswer:
        """Whether the signer answers; it is asked without the token."""
        url = f"{self._settings.signer}/health"
        answer = await self._http.request("GET", url, headers={}, timeout=TIMEOUT)
        members = _members(answer)
        if not answer.ok or members.get("status") != "ok":
            raise ServerError(f"{url} does not answer as a signer does ({answer.status}): is the URL right?")
        listed = members.get("features")
        features = tuple(map(str, listed)) if isinstance(listed, list) else ()
        return SignerAnswer(features, answer.headers.get("date", ""))

    async def signed_download(self) -> str:
        """A signed URL of an object that is not there: the signer takes the token for it."""
        url = f"{self._settings.signer}/v1/sign/download"
        answer = await self._http.request(
            "POST",
            url,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._settings.token}"},
            body=json.dumps({"key": f"{self._settings.store}/{NO_CONTENT}"}).encode(),
            timeout=TIMEOUT,
        )
        if not answer.ok:
            what = f"the signer {self._settings.signer}"
            raise error_for_status(answer.status, answer.headers, what, read_refusal(answer.body))
        signed = _members(answer).get("url")
        if not isinstance(signed, str):
            raise ServerError(f"{url} does not answer as a signer does: is the URL right?")
        return signed

    async def sync(self) -> None:
        """Whether the sync backend lets this client in."""
        url = SyncOptions(self._settings.sync).at(self._settings.sync).url
        query = sync_query(self._settings.store, {"authToken": self._settings.token}, "ws")
        try:
            async with asyncio.timeout(TIMEOUT):
                socket = await open_native_socket(f"{url}?{query}")
                await socket.close()
        except TimeoutError:
            raise SyncError(f"the sync backend {url} does not answer within {TIMEOUT:g} seconds") from None
        except SocketClosedError as error:
            raise error_of_refusal(error) or SyncError(f"the sync backend {url}: {error}") from error

    async def access(self) -> None:
        """All that a command needs: both parts answer and take the token."""
        await self.signer()
        await self.signed_download()
        await self.sync()

    async def cors(self, signed_url: str, origin: str) -> bool:
        """Whether pages of `origin` may send bytes to the object store."""
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        }
        answer = await self._http.request("OPTIONS", signed_url, headers=asked, timeout=TIMEOUT)
        return answer.ok and answer.headers.get("access-control-allow-origin") in {"*", origin}


@asynccontextmanager
async def probing(settings: Settings) -> AsyncIterator[Probes]:
    """Probes with connections of their own, which are closed at the end."""
    http = HttpxHttp()
    try:
        yield Probes(settings, http)
    finally:
        await http.close()


async def why_offline(settings: Settings) -> Exception | None:
    """Why there is no sync; None when everything answers, and so the reason is gone."""
    try:
        async with probing(settings) as probes:
            await probes.access()
    except (TransferError, SyncError) as error:
        return error
    return None


def _members(answer: HttpResponse) -> dict[str, object]:
    return parse_members(answer.body) or {}
