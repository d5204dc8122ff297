"""What ties the processes together that have one store open: messages by local sockets, and a lock file.

Each process receives at a socket of its own in a folder that all of one user's processes know by the path of
the store; whoever finds a socket there that nobody reads any more removes it. The system releases the lock of
a process that ends, however it ends; but a process that is stopped (SIGSTOP) keeps it, and goes on leading.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from filesync_web.core.foreign import parse_json
from filesync_web.errors import StorageError, StoreError
from filesync_web.livestore.ports import LOG_CHANGED, Message
from filesync_web.native.locks import try_lock, unlock

logger = logging.getLogger(__name__)

_MESSAGE_BYTES = 1 << 17
_RETRY_SECONDS = 0.05
_ASK_SECONDS = 0.05


class ProcessChannel:
    """The `Channel` port between the processes that have opened the store at `path`.

    A process that is too busy misses a message; it is told `LOG_CHANGED` later, until it hears.
    """

    def __init__(self, path: Path) -> None:
        self._name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
        self._own: Path | None = None
        self._socket: socket.socket | None = None
        self._missed: set[Path] = set()
        self._retry: asyncio.TimerHandle | None = None

    def listen(self, callback: Callable[[Message], None]) -> None:
        """Call back for each message; raises `StoreError` when there can be no socket."""
        try:
            folder = _own_folder() / self._name
            folder.mkdir(exist_ok=True)
            own = folder / secrets.token_hex(4)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind(str(own))
        except OSError as error:
            raise StoreError(f"this process cannot hear others that use the store: {error}") from error
        self._own = own
        asyncio.get_running_loop().add_reader(self._socket, self._receive, self._socket, callback)

    def post(self, message: Message) -> None:
        """Send to all others."""
        if self._own is not None:
            self._send_all(self._own, json.dumps(message).encode())

    def close(self) -> None:
        """Stop listening."""
        if self._socket is None or self._own is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        if self._retry is not None:
            self._retry.cancel()
        self._socket.close()
        self._own.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it
            self._own.parent.rmdir()
        self._socket = self._own = None

    def _send_all(self, own: Path, data: bytes) -> None:
        try:
            peers = list(own.parent.iterdir())
        except FileNotFoundError:
            return  # nor is anybody else there
        except OSError:  # too many files are open
            self._send_later(own)
            return
        for peer in peers:
            if peer != own:
                self._send(peer, data)

    def _send_later(self, peer: Path) -> None:
        """Try again soon; the own socket stands for all others."""
        self._missed.add(peer)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._repeat)

    def _send(self, peer: Path, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101
        try:
            self._socket.sendto(data, str(peer))
        except BlockingIOError:
            self._send_later(peer)
        except (ConnectionRefusedError, FileNotFoundError):
            peer.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("another process was not told something: %s", error)

    def _repeat(self) -> None:
        self._retry = None
        missed, self._missed = self._missed, set()
        for peer in missed:
            send = self._send_all if peer == self._own else self._send
            send(peer, json.dumps({"type": LOG_CHANGED}).encode())

    def _receive(self, own: socket.socket, callback: Callable[[Message], None]) -> None:
        try:
            message = parse_json(own.recv(_MESSAGE_BYTES))
        except (BlockingIOError, ValueError):
            return
        if isinstance(message, dict):
            callback(message)


def _own_folder() -> Path:
    """This user's folder for sockets. Their paths may have about 100 characters, too few for most folders of
    data.
    """
    folder = Path(tempfile.gettempdir()) / f"filesync-web-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is open to other users")
    return folder


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
