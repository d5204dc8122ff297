"""The server side of filesync-web: signer, embedded data plane, LiveStore sync backend, static site.

Each part is an ASGI app of its own that mounts anywhere; `create_app` composes them, and the
`filesync-server` command (`python -m filesync_server`) runs them. Runs under CPython on POSIX; needs the
extra `server`.
"""

from .compose import Compose, create_app, parts_lifespan
from .objects.admission import Admission, AfterUpload, BeforeUpload, Uploaded
from .objects.data_plane import create_data_plane
from .objects.embedded import EmbeddedStore
from .objects.ledger import Quota
from .objects.port import ObjectStore
from .shared.identity import (
    ALL_RIGHTS,
    ALL_STORES,
    Action,
    Authenticate,
    Identity,
    presented_token,
    public_access,
    sync_payload,
    token_auth,
)
from .signer import RateLimit, create_signer
from .site import create_site
from .sync import Hub, SqliteStorage, SyncStorage, create_sync_backend

__all__ = [
    "ALL_RIGHTS",
    "ALL_STORES",
    "Action",
    "Admission",
    "AfterUpload",
    "Authenticate",
    "BeforeUpload",
    "Compose",
    "EmbeddedStore",
    "Hub",
    "Identity",
    "ObjectStore",
    "Quota",
    "RateLimit",
    "SqliteStorage",
    "SyncStorage",
    "Uploaded",
    "create_app",
    "create_data_plane",
    "create_signer",
    "create_site",
    "create_sync_backend",
    "parts_lifespan",
    "presented_token",
    "public_access",
    "sync_payload",
    "token_auth",
]
