"""The parts that each of the examples mounts: where the bytes and the event logs are, and who may come in."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.types import ASGIApp

from filesync_server import (
    EmbeddedStore,
    Hub,
    SqliteStorage,
    create_data_plane,
    create_signer,
    create_sync_backend,
    token_auth,
)
from filesync_server.compose import Closer

FILES = "/files/content"
"""Where the data plane is, as clients see it: signed URLs lead there."""


def make_parts() -> tuple[dict[str, ASGIApp], list[Closer]]:
    """The parts under their paths, and what the application awaits at its end. `EXAMPLE_DATA` is a directory,
    `EXAMPLE_TOKEN` what callers present."""
    data, authenticate = Path(os.environ["EXAMPLE_DATA"]), token_auth(os.environ["EXAMPLE_TOKEN"])
    store = EmbeddedStore(data / "objects", files_path=FILES)
    hub = Hub(SqliteStorage(data / "sync.sqlite"))
    parts: dict[str, ASGIApp] = {
        "/files/api": create_signer(store, authenticate=authenticate),
        FILES: create_data_plane(store, authenticate=authenticate),
        "/sync": create_sync_backend(hub, authenticate=authenticate),
    }
    return parts, [hub.close, store.close]
