"""A small TCP load balancer, as it stands before several server processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit


class Balancer:
    """Passes each connection to the next backend that accepts one. `served` counts them by backend."""

    def __init__(self, backends: Sequence[str]) -> None:
        """`backends` are origins: `http://127.0.0.1:8000`."""
        self._backends = list(backends)
        self.served: Counter[str] = Counter()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._backends:
            self._backends.append(backend := self._backends.pop(0))
            address = urlsplit(backend)
            with contextlib.suppress(OSError):
                ends = await asyncio.open_connection(address.hostname, address.port)
                self.served[backend] += 1
                await self._join((reader, writer), ends)
                return
        writer.transport.abort()

    async def _join(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Pass bytes both ways until one side ends; then end the other."""
        ways = {
            asyncio.create_task(_pass(client[0], server[1])),
            asyncio.create_task(_pass(server[0], client[1])),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for _, writer in (client, server):
                writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def balancing(*backends: str) -> AsyncIterator[tuple[str, Balancer]]:
    """The balancer's origin, and the balancer, while the block runs."""
    balancer = Balancer(backends)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(balancer.connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", balancer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
