"""From settings to the application that `filesync-server` runs."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..compose import create_app
from ..objects.data_plane import create_data_plane
from ..objects.embedded import EmbeddedStore
from ..objects.port import CHECKSUM, FEATURES, ObjectStore
from ..shared.auth import bearer_auth
from ..signer import create_signer
from ..site import create_site
from ..sync import Hub, SqliteStorage, create_sync_backend, payload_token_auth
from ..sync.storage import AdminStorage
from .access_log import AccessLog
from .config import ConfigError, Settings

OBJECTS_FOLDER = "objects"
"""The embedded store in the data directory."""
SYNC_FILE = "sync.sqlite"
"""The event logs in the data directory."""


def build_app(settings: Settings) -> ASGIApp:
    """Open the data directory and compose the parts. Blocks. Raises ConfigError, OSError or sqlite3.Error."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    auth = bearer_auth(settings.token)
    origins = settings.allowed_origins
    parts: dict[str, ASGIApp] = {}
    store: ObjectStore
    if settings.storage == "s3":
        store = _s3_store(settings)
    else:
        store = embedded = EmbeddedStore(settings.data / OBJECTS_FOLDER, lifetime=settings.url_lifetime)
        parts[embedded.files_path] = create_data_plane(
            embedded, auth=auth, allowed_origins=origins, max_bytes=settings.max_upload_bytes
        )
    parts["/api"] = create_signer(store, auth=auth, allowed_origins=origins, origin=settings.public_url)
    hub = Hub(open_sync_storage(settings))
    admission = payload_token_auth(settings.token)
    parts["/sync"] = create_sync_backend(hub, authenticate=admission, allowed_origins=origins)
    if settings.site is not None:
        parts["/"] = create_site(settings.site)
    return AccessLog(create_app(parts, on_close=[hub.close, store.close]))


def open_sync_storage(settings: Settings) -> AdminStorage:
    """Where the event logs are. Raises ConfigError or OSError; PostgreSQL is connected to at first use."""
    if settings.sync_database is None:
        return SqliteStorage(settings.data / SYNC_FILE)
    try:
        from ..sync.postgres import PostgresStorage
    except ModuleNotFoundError:
        raise ConfigError(
            "the setting sync_database needs asyncpg: pip install 'filesync-web[server,postgres]'"
        ) from None
    try:
        return PostgresStorage(settings.sync_database)
    except ValueError as error:
        raise ConfigError(f"the setting sync_database cannot be used: {error}") from None


def _s3_store(settings: Settings) -> ObjectStore:
    from ..objects.s3 import S3Store

    assert settings.s3_bucket is not None  # noqa: S101 - the settings were validated
    return S3Store(
        settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        path_style=settings.s3_path_style,
        prefix=settings.s3_prefix,
        features=FEATURES if settings.s3_checksums else FEATURES - {CHECKSUM},
        lifetime=settings.url_lifetime,
    )
