"""From settings to the application that `filesync-server` runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from starlette.types import ASGIApp

from ..compose import create_app
from ..objects.admission import Admission
from ..objects.data_plane import create_data_plane
from ..objects.embedded import EmbeddedStore
from ..objects.ledger import Quota
from ..objects.port import CHECKSUM, FEATURES, ObjectStore
from ..shared.disk import make_private_folder
from ..shared.hosts import HostCheck
from ..signer import create_signer
from ..site import create_site
from ..sync import Hub, SqliteStorage, create_sync_backend
from ..sync.storage import AdminStorage
from .access import authentication
from .access_log import AccessLog
from .config import OBJECTS_FOLDER, SYNC_FILE, USAGE_FILE, ConfigError, Settings
from .probes import create_probes
from .rules import METRICS_PATH

if TYPE_CHECKING:  # what is not always needed, or not always there
    from ..objects.s3 import S3Store
    from .metrics import Metrics


def build_app(settings: Settings) -> ASGIApp:
    """Open the data directory and compose the parts. Blocks. Raises ConfigError, OSError or sqlite3.Error."""
    make_private_folder(settings.data)
    authenticate = authentication(settings)
    shared: _Shared = {
        "allowed_origins": _with_own_origin(settings),
        "allowed_headers": settings.allowed_headers,
        "idle_timeout": settings.idle_timeout,
    }
    parts: dict[str, ASGIApp] = {}
    metrics = _metrics(settings)
    store: ObjectStore
    if settings.storage == "s3":
        store = open_s3_store(settings)
        admission = _admission(settings, store)
    else:
        store = embedded = EmbeddedStore(
            settings.data / OBJECTS_FOLDER, files_path=settings.files_path, lifetime=settings.url_lifetime
        )
        admission = _admission(settings, store)
        parts[embedded.files_path] = create_data_plane(
            embedded,
            authenticate=authenticate,
            admission=admission,
            max_bytes=settings.max_upload_bytes,
            **shared,
        )
    parts[settings.api_path] = create_signer(
        store, authenticate=authenticate, admission=admission, origin=settings.public_url, **shared
    )
    storage = open_sync_storage(settings)
    hub = Hub(storage) if metrics is None else metrics.hub(storage)
    parts[settings.sync_path] = create_sync_backend(hub, authenticate=authenticate, **shared)
    if settings.site is not None:
        parts["/"] = create_site(settings.site, headers=_isolation(settings))
    if metrics is not None and settings.metrics_token is not None:
        names = {settings.api_path: "api", settings.files_path: "files", settings.sync_path: "sync"}
        parts = {path: metrics.measured(names.get(path, "site"), part) for path, part in parts.items()}
        parts[METRICS_PATH] = metrics.part(hub, settings.metrics_token)
    parts |= create_probes(store, storage)
    counting = [] if admission is None else [admission.close]
    app: ASGIApp = create_app(parts, on_close=[hub.close, *counting, store.close])
    if settings.hosts is not None:
        app = HostCheck(app, settings.hosts)
    return AccessLog(app)


def _metrics(settings: Settings) -> Metrics | None:
    if settings.metrics_token is None:
        return None
    from .metrics import Metrics

    return Metrics()


def _admission(settings: Settings, store: ObjectStore) -> Admission | None:
    """What counts uploads, where there is a limit."""
    per_store = Quota(settings.max_store_bytes, settings.max_store_files)
    per_identity = Quota(settings.max_user_bytes, settings.max_user_files)
    if per_store == per_identity == Quota():
        return None
    return Admission(
        store,
        settings.data / USAGE_FILE,
        per_store=per_store,
        per_identity=per_identity,
        url_lifetime=settings.url_lifetime,
    )


def _with_own_origin(settings: Settings) -> Sequence[str]:
    """Pages of the public URL are this server's own, also when a proxy passes on another `Host`."""
    if settings.public_url is None:
        return settings.allowed_origins
    return (*settings.allowed_origins, settings.public_url)


def _isolation(settings: Settings) -> dict[str, str]:
    """Headers that let pages of the site share memory with their workers (`crossOriginIsolated`)."""
    if settings.cross_origin_isolation == "off":
        return {}
    return {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": settings.cross_origin_isolation,
    }


class _Shared(TypedDict):
    """What all parts but the site are told."""

    allowed_origins: Sequence[str]
    allowed_headers: Sequence[str]
    idle_timeout: float


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


def open_s3_store(settings: Settings) -> S3Store:
    """The object store of `storage = s3`."""
    from ..objects.s3 import S3Store

    assert settings.s3_bucket is not None  # noqa: S101 - the settings were validated
    return S3Store(
        settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        path_style=settings.s3_path_style,
        prefix=settings.s3_prefix,
        features=FEATURES if settings.s3_checksums else FEATURES - {CHECKSUM},
        lifetime=settings.url_lifetime,
    )
