"""The fault site over a real socket, with CORS for every origin."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from filesync_web.testing.http import Reply
from tests.contract.site import FaultSite


@contextmanager
def serve(site: FaultSite) -> Iterator[str]:
    """Serve it in a thread of its own, under the origin that is given."""
    started = threading.Event()
    running: dict[str, Any] = {}

    async def main() -> None:
        handler, stop = _Handler(site), asyncio.Event()
        async with await asyncio.start_server(handler.serve, "127.0.0.1", 0) as server:
            running.update(
                loop=asyncio.get_running_loop(), stop=stop, port=server.sockets[0].getsockname()[1]
            )
            started.set()
            await stop.wait()
            handler.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    started.wait()
    yield f"http://127.0.0.1:{running['port']}"
    running["loop"].call_soon_threadsafe(running["stop"].set)
    thread.join(5)


class _Handler:
    """One request for each connection."""

    def __init__(self, site: FaultSite) -> None:
        self._site = site
        self._forever = asyncio.Event()
        self._breaks: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))
        self._tasks: set[asyncio.Task] = set()  # the loop alone would not keep them

    def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._exchange(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the server goes
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _version = (await reader.readline()).decode().split()
        headers: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        query = dict(parse_qsl(urlsplit(target).query))
        size = int(headers.get("content-length", 0))
        for fault in ("hang", "drop"):
            if fault in query and method != "OPTIONS":
                self._site.log[query.get("key", "")].append({"method": method, "headers": headers})
                await reader.readexactly(min(int(query[fault]), size))
                if fault == "hang":
                    await self._forever.wait()
                return
        if target.startswith("/break?"):
            self._breaks[query["key"]].release()
        body = await reader.readexactly(size)
        reply = self._site.answer(method, f"http://site{target}", headers, body)
        writer.write(_head(reply, headers))
        writer.write(reply.arriving())
        await writer.drain()
        if query.get("when") == "asked" and reply.cut_after is not None:
            await self._breaks[query["key"]].acquire()
        if reply.stall_after is not None:
            await reader.read()  # until the client goes away
            self._site.closed.append(query.get("key", ""))


def _head(reply: Reply, headers: Mapping[str, str]) -> bytes:
    lines = {
        "Connection": "close",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, PUT, POST, DELETE",
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", "*"),
        "Access-Control-Expose-Headers": "ETag, Content-Range, Retry-After",
        **reply.headers,
    }
    if "X-No-Length" not in lines:
        lines["Content-Length"] = str(len(reply.body))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {reply.status} Reason\r\n{text}\r\n".encode()
