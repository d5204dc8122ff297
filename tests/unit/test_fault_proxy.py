"""The proxy of browser tests, without a browser."""

from __future__ import annotations

import gc
import socket
import socketserver
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.harness import FaultProxy
from tests.harness.fault_proxy import HOST

REQUEST = b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n"


class _Endless(socketserver.BaseRequestHandler):
    """Answers with more than any buffer holds, until the other side goes away."""

    def handle(self) -> None:
        with suppress(OSError):
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.request.sendall(bytes(65536))


@pytest.fixture
def endless_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer((HOST, 0), _Endless) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_stopped_proxy_leaves_no_connection_open(endless_port: int) -> None:
    """Neither one whose answer nobody reads, nor one that was opened a moment ago."""
    proxy = FaultProxy(endless_port)
    proxy.start()
    port = int(proxy.url.rpartition(":")[2])
    with ExitStack() as stack, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection((HOST, port)))

        for reader in [connect() for _ in range(3)]:
            reader.sendall(REQUEST)
            assert reader.recv(12) == b"HTTP/1.1 200"
        for _ in range(20):
            connect()
        proxy.stop()
        del proxy
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
