"""A small TCP load balancer, as it stands before several server processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from tests.harness.streams import pass_both_ways


class Balancer:
    """Passes each connection to the next backend that accepts one. `served` counts them by backend."""

    def __init__(self, backends: Sequence[str]) -> None:
        """`backends` are origins: `http://127.0.0.1:8000`."""
        self._backends = list(backends)
        self.served: Counter[str] = Counter()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in self._backends:
                self._backends.append(backend := self._backends.pop(0))
                address = urlsplit(backend)
                with contextlib.suppress(OSError):
                    ends = await asyncio.open_connection(address.hostname, address.port)
                    self.served[backend] += 1
                    try:
                        await pass_both_ways((reader, writer), ends)
                    finally:
                        ends[1].transport.abort()
                    return
        finally:
            writer.transport.abort()


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
