"""From settings to the application that `filesync-server` runs."""

from __future__ import annotations

from starlette.types import ASGIApp

from .access_log import AccessLog
from .app import create_app
from .auth import bearer_auth
from .config import Settings
from .data_plane import create_data_plane
from .embedded import EmbeddedStore
from .signer import create_signer
from .site import create_site
from .sync import Hub, SqliteStorage, create_sync_backend, payload_token_auth


def build_app(settings: Settings) -> ASGIApp:
    """Open the data directory and compose the parts. Blocks. Raises OSError or sqlite3.Error."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    auth = bearer_auth(settings.token)
    origins = settings.allowed_origins
    store = EmbeddedStore(settings.data / "objects", lifetime=settings.url_lifetime)
    hub = Hub(SqliteStorage(settings.data / "sync.sqlite"))
    parts: dict[str, ASGIApp] = {
        "/api": create_signer(store, auth=auth, allowed_origins=origins, origin=settings.public_url),
        store.files_path: create_data_plane(
            store, auth=auth, allowed_origins=origins, max_bytes=settings.max_upload_bytes
        ),
        "/sync": create_sync_backend(
            hub, authenticate=payload_token_auth(settings.token), allowed_origins=origins
        ),
    }
    if settings.site is not None:
        parts["/"] = create_site(settings.site)
    return AccessLog(create_app(parts, on_close=[hub.close, store.close]))
