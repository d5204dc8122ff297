"""How a connection to the sync backend is opened: with the app's payload of that moment, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator

from filesync_web.aio.waiting import first_of
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.sent_tokens import SentTokens
from filesync_web.errors import SyncAuthError, SyncError
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import Socket, SocketClosedError, StorePorts
from filesync_web.livestore.refusals import error_of_refusal
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.livestore.wire import sync_query

CONNECT_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Connection:
    """An open socket, and what the backend was told of us when it was opened."""

    socket: Socket
    payload: Json


class Connector:
    """Opens the connections of one store, one after the other."""

    def __init__(self, store_id: str, options: SyncOptions, ports: StorePorts) -> None:
        self.store_id = store_id
        self.options = options
        self._ports = ports
        # Also a tab that does not connect meets what is always told, in errors.
        fixed = [part for part in (options.payload, options.auth_token) if not callable(part)]
        self._sent = SentTokens(_texts_in(fixed))

    async def connect(self) -> Connection:
        """A new connection; raises `SocketClosedError` or `SyncError`. When it is cancelled, none is left."""
        payload = await self._payload_now()
        self._sent.add(_texts_in(payload))
        try:
            return Connection(await self._open(payload), payload)
        except SocketClosedError as error:
            refusal = error_of_refusal(error)
            if refusal is None:
                raise
            raise refusal from error

    def tokens(self) -> set[str]:
        """Every text in what the backend's auth was told, and in what it is always told."""
        return self._sent.all()

    async def _payload_now(self) -> Json:
        try:
            return await self.options.payload_now()
        except Exception as error:
            raise SyncAuthError(f"the payload for metadata sync could not be made: {error!r}") from error

    async def _open(self, payload: Json) -> Socket:
        url = self.options.url
        query = sync_query(self.store_id, payload, self.options.transport)
        opened: list[Socket] = []

        async def opening() -> None:
            assert self._ports.open_socket is not None  # noqa: S101  else there is no sync
            opened.append(await self._ports.open_socket(f"{url}{'&' if '?' in url else '?'}{query}"))

        try:
            (await first_of(opening(), self._ports.clock.sleep(CONNECT_TIMEOUT))).result()
        except BaseException:
            for socket in opened:  # it was opened in the moment in which this was cancelled
                await socket.close()
            raise
        if not opened:
            raise SyncError(f"no connection to the sync backend within {CONNECT_TIMEOUT:g} s")
        return opened[0]


def _texts_in(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(member)
