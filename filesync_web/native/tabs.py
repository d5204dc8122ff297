"""What ties the processes together that have one store open: messages by local sockets, and a lock file.

Each process receives at a socket of its own in a folder of the store; whoever finds a socket there that
nobody reads any more removes it. A message may be lost, and some file systems have no sockets: so each
process looks at the log every few seconds as well. The system releases the lock of a process that ends,
however it ends; but a process that is stopped (SIGSTOP) keeps it, and goes on leading.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from filesync_web.core.foreign import parse_members
from filesync_web.errors import StorageError
from filesync_web.livestore.ports import LOG_CHANGED, Message
from filesync_web.native.locks import try_lock, unlock

logger = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks at the log when nobody has said anything."""

_MESSAGE_BYTES = 1 << 17
_RETRY_SECONDS = 0.05
_ASK_SECONDS = 0.05
_LONGEST_ADDRESS = 100  # bytes; the system's own limit is 104 to 108


class ProcessChannel:
    """The `Channel` port between the processes that share a folder, which need not exist.

    A process that is too busy misses a message; it is told `LOG_CHANGED` later, until it hears.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._address: _ShortAddress | None = None
        self._own = ""
        self._socket: socket.socket | None = None
        self._missed: set[str] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    def listen(self, callback: Callable[[Message], None]) -> None:
        """Call back for each message, and `LOG_CHANGED` now and then. Where there can be no socket, that is
        all, and a warning says so."""
        try:
            self._open()
        except OSError as error:
            self._close_socket()
            what = "other processes with this store are not heard here, so the log is read every %g s: %s"
            logger.warning(what, LOOK_EVERY, error)
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._receive, self._socket, callback)
        self._look_later(callback)

    def post(self, message: Message) -> None:
        """Send to all others."""
        if self._socket is not None:
            self._send_all(json.dumps(message).encode())

    def close(self) -> None:
        """Stop listening."""
        for timer in (self._retry, self._look):
            if timer is not None:
                timer.cancel()
        self._retry = self._look = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._close_socket()

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._own = secrets.token_hex(4)
        self._address = _ShortAddress(self._folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        # Under its name only once it hears: whoever finds a socket that does not hear removes it.
        self._socket.bind(self._address.of(f".{self._own}"))
        (self._folder / f".{self._own}").rename(self._folder / self._own)

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            for name in (self._own, f".{self._own}"):
                (self._folder / name).unlink(missing_ok=True)
        if self._address is not None:
            self._address.close()
        self._socket = self._address = None

    def _look_later(self, callback: Callable[[Message], None]) -> None:
        def look() -> None:
            self._look_later(callback)
            callback({"type": LOG_CHANGED})

        self._look = asyncio.get_running_loop().call_later(LOOK_EVERY, look)

    def _send_all(self, data: bytes) -> None:
        try:
            peers = [path.name for path in self._folder.iterdir() if not path.name.startswith(".")]
        except OSError:  # too many files are open
            self._send_later(self._own)
            return
        for peer in peers:
            if peer != self._own:
                self._send(peer, data)

    def _send_later(self, peer: str) -> None:
        """Try again soon; the own socket stands for all others."""
        self._missed.add(peer)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._repeat)

    def _send(self, peer: str, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101
        assert self._address is not None  # noqa: S101
        try:
            self._socket.sendto(data, self._address.of(peer))
        except BlockingIOError:
            self._send_later(peer)
        except (ConnectionRefusedError, FileNotFoundError):
            (self._folder / peer).unlink(missing_ok=True)
        except OSError as error:
            logger.warning("another process was not told something: %s", error)

    def _repeat(self) -> None:
        self._retry = None
        missed, self._missed = self._missed, set()
        data = json.dumps({"type": LOG_CHANGED}).encode()
        for peer in missed:
            if peer == self._own:
                self._send_all(data)
            else:
                self._send(peer, data)

    def _receive(self, own: socket.socket, callback: Callable[[Message], None]) -> None:
        try:
            message = parse_members(own.recv(_MESSAGE_BYTES))
        except BlockingIOError:
            return
        if message is not None:
            callback(message)


class _ShortAddress:
    """The addresses of sockets in a folder whose path may be too long for one: then by a short way to it.

    On Linux that is the open folder itself, elsewhere a link in a new temporary folder.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        self._link: Path | None = None
        self._way = str(folder)
        if len(os.fsencode(folder)) + 10 <= _LONGEST_ADDRESS:  # a slash and the longest name of a socket
            return
        if Path("/proc/self/fd").exists():
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._way = f"/proc/self/fd/{self._descriptor}"
        else:
            self._link = Path(tempfile.mkdtemp(dir="/tmp")) / "way"
            self._link.symlink_to(folder)
            self._way = str(self._link)

    def of(self, name: str) -> str:
        return f"{self._way}/{name}"

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.unlink()
                self._link.parent.rmdir()
            self._link = None


class FileLeaderLock:
    """The `LeaderLock` port on a lock file. It cannot be taken away: `steal` waits like everybody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    async def acquire(self, *, steal: bool = False) -> None:
        """Wait until this process holds the lock. While its file cannot be opened, it is tried again."""
        del steal
        self.release()
        said = ""
        while self._descriptor is None:
            try:
                self._descriptor = try_lock(self._path)
            except StorageError as error:
                if str(error) != said:
                    logger.warning("this process cannot lead the store: %s", error)
                said = str(error)
            if self._descriptor is None:
                await asyncio.sleep(_ASK_SECONDS)

    async def lost(self) -> None:
        """Never returns."""
        await asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Give the lock up."""
        if self._descriptor is not None:
            unlock(self._path, self._descriptor)
            self._descriptor = None
