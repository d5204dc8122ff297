"""The network between one client and a backend, which a test can take away and give back."""

from __future__ import annotations

import asyncio
import contextlib

from tests.harness.server import HOST, free_port


class Line:
    """Listens on a port of its own and passes everything on to the backend's.

    Attributes:
        statuses: the HTTP statuses with which the backend answered the connections, oldest first.
    """

    def __init__(self, backend_port: int) -> None:
        self._backend_port = backend_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._held: list[tuple[asyncio.StreamWriter, bytes]] | None = None
        self._arrived = asyncio.Condition()
        self.port = free_port()
        self.statuses: asyncio.Queue[int] = asyncio.Queue()

    async def mend(self) -> None:
        """Let connections through, now and from now on; the port stays the same."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def cut(self) -> None:
        """Break all connections and refuse new ones."""
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def close(self) -> None:
        if self._server is not None:
            await self.cut()

    def hold(self) -> None:
        """Keep back what the backend says once a connection stands, until `release`."""
        self._held = []

    async def wait_for_held(self, size: int) -> None:
        """Return when so many bytes are kept back."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: sum(len(data) for _, data in self._held or []) >= size)

    def release(self) -> None:
        """Pass on what was kept back, and what comes from now on."""
        held, self._held = self._held or [], None
        for writer, data in held:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", self._backend_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(backend_writer)
        await asyncio.gather(_ask(reader, backend_writer), self._answer(backend_reader, writer))
        self._writers -= {writer, backend_writer}

    async def _answer(self, backend_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await backend_reader.readuntil(b"\r\n\r\n")
            self.statuses.put_nowait(int(head.split()[1]))
            writer.write(head)
            while data := await backend_reader.read(65536):
                if self._held is None:
                    writer.write(data)
                    await writer.drain()
                else:
                    self._held.append((writer, data))
                    async with self._arrived:
                        self._arrived.notify_all()
        writer.close()


async def _ask(reader: asyncio.StreamReader, backend_writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            backend_writer.write(data)
            await backend_writer.drain()
    backend_writer.close()
