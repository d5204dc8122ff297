"""Several processes that answer on one socket, under a parent that replaces those that die.

Only what is shared outside of the process may be served so: event logs in PostgreSQL, objects in S3 or in
the data directory. `config` refuses the rest. When the parent is killed, its workers end by themselves.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from .app import build_app
from .config import ConfigError, Settings
from .logs import configure_logging

BACKLOG = 2048

log = logging.getLogger("filesync_server")


def run_workers(settings: Settings, options: dict[str, Any]) -> int:
    """Run until SIGINT or SIGTERM. 0 after a good end, 1 when the workers could not start."""
    app = partial(worker_app, settings)  # it travels to the processes; an app itself could not
    config = uvicorn.Config(app, factory=True, workers=settings.workers, **options)
    listener = config.bind_socket()
    listener.listen(BACKLOG)  # from here on connections wait for the first worker
    host, port, *_ = listener.getsockname()
    scheme = "https" if config.is_ssl else "http"
    shown = f"[{host}]" if ":" in host else host
    log.info("answering on %s://%s:%s/ with %s workers", scheme, shown, port, settings.workers)
    supervisor = Multiprocess(config, sockets=[listener])
    with _shared_metrics(settings):
        supervisor.run()
    listener.close()
    return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0


def _shared_metrics(settings: Settings) -> AbstractContextManager[None]:
    if settings.metrics_token is None:
        return nullcontext()
    from .metrics import shared_by_workers

    return shared_by_workers()


def worker_app(settings: Settings) -> ASGIApp:
    """The application of one worker; ends the process, and the command with it, when there can be none."""
    configure_logging(settings)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        return build_app(settings)
    except (ConfigError, OSError, sqlite3.Error) as error:
        log.critical("a worker cannot start: %s", error)
        sys.exit(STARTUP_FAILURE)


def _end_with_the_parent() -> None:
    """Else workers would go on answering after a `kill -9` of the parent, and nobody would stop them."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
