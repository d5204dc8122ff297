"""The `filesync-server` command (`python -m filesync_server`). `admin`, `check-config` and `check-storage`
behind it are commands of their own, in `admin`, `describe` and `check_storage`."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from filesync_web.livestore.messages import MAX_FRAME_BYTES

from ..shared.disk import make_private_folder, private
from ..sync import StorageError
from . import admin
from .app import build_app, open_sync_storage
from .config import ConfigError, Settings, load_settings
from .connections import WatchedConnection
from .describe import check_config, start_line
from .logs import configure_logging
from .workers import run_workers

log = logging.getLogger("filesync_server")


class _Server(uvicorn.Server):
    """uvicorn that says where it answers, and for which SIGINT and SIGTERM are a good end (exit code 0)."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        if self.servers:
            address = self.servers[0].sockets[0].getsockname()
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            scheme = "https" if self.config.is_ssl else "http"
            log.info("answering on %s://%s:%s/", scheme, host, address[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        caught = (signal.SIGINT, signal.SIGTERM)
        for number in caught:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. 0 after a good end, 1 when it could not run, 2 for bad settings."""
    arguments = sys.argv[1:] if arguments is None else arguments
    match arguments[:1]:
        case ["admin"]:
            return admin.main(arguments[1:], os.environ, sys.stdin.buffer, sys.stdout.buffer)
        case ["check-config"]:
            return check_config(arguments[1:], os.environ, sys.stdout)
        case ["check-storage"]:
            from . import check_storage

            return check_storage.main(arguments[1:], os.environ, sys.stdout)
    try:
        settings = load_settings(arguments, os.environ)
    except ConfigError as error:
        sys.stderr.write(f"filesync-server: {error}\n")
        return 2
    return run(settings)


def run(settings: Settings, around: Callable[[ASGIApp], ASGIApp] | None = None) -> int:
    """Serve by these settings, until SIGINT or SIGTERM; the exit code is that of `main`.

    `around` makes the application that is served of the one that the settings ask for. It may decide who is
    let in, so it is never left out: for settings of several processes, which cannot have it, this raises
    `ConfigError`.
    """
    if around is not None and settings.workers != 1:
        raise ConfigError(
            f"workers = {settings.workers}: what stands around the server needs a single process"
        )
    configure_logging(settings)
    log.info("%s", start_line(settings))
    with ExitStack() as claims:
        try:
            if settings.sync_database is not None:
                asyncio.run(_check_database(settings))
            else:
                claims.enter_context(_sole_server(settings.data))
            app = build_app(settings) if settings.workers == 1 else None
        except ConfigError as error:
            log.critical("%s", error)
            return 2
        except StorageError as error:
            log.critical("%s", error)
            return 1
        except (OSError, sqlite3.Error) as error:
            log.critical("the data directory %s cannot be used: %s", settings.data, error)
            return 1
        return _serve(settings, around(app) if around and app else app)


def _serve(settings: Settings, app: ASGIApp | None) -> int:
    options = _uvicorn_options(settings)
    try:
        if app is None:
            return run_workers(settings, options)
        _Server(uvicorn.Config(app, **options)).run()
    except SystemExit:  # uvicorn's way to say that it could not start; it has logged why
        return 1
    return 0


@contextmanager
def _sole_server(data: Path) -> Iterator[None]:
    """Keep other servers from the event logs in `data`: the clients of one would not hear of what is pushed
    to the other. Raises `ConfigError` when there is one."""
    make_private_folder(data)
    with open(data / "sync.lock", "w", opener=private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another filesync-server serves the event logs in {data}: end that one, or give this one"
                " another directory (--data), or both a sync_database"
            ) from None
        yield


async def _check_database(settings: Settings) -> None:
    """Say at the start, and not at the first client, that it cannot be reached. Raises StorageError."""
    storage = open_sync_storage(settings)
    try:
        await storage.logs([])
    except OSError as error:
        raise StorageError(f"the sync database cannot be used: {error}") from error
    finally:
        await storage.close()


def _uvicorn_options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "ssl_certfile": settings.tls_certificate,
        "ssl_keyfile": settings.tls_key,
        "http": partial(WatchedConnection, settings.idle_timeout),
        "forwarded_allow_ips": settings.trusted_proxies,
        "ws_max_size": MAX_FRAME_BYTES,
        "timeout_graceful_shutdown": int(settings.shutdown_timeout),
        "log_config": None,
        "access_log": False,
        "server_header": False,
    }
