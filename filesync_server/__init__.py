"""The server side of filesync-web: signer, embedded data plane, LiveStore sync backend, static site.

Each part is an ASGI app of its own that mounts anywhere; `create_app` composes them, and the
`filesync-server` command (`python -m filesync_server`) runs them. Runs under CPython on POSIX; needs the
extra `server`.
"""

from .compose import Compose, create_app
from .objects.data_plane import create_data_plane
from .objects.embedded import EmbeddedStore
from .objects.port import ObjectStore
from .shared.auth import Auth, bearer_auth, public_access
from .signer import RateLimit, create_signer
from .site import create_site
from .sync import Hub, SqliteStorage, SyncAuth, SyncStorage, create_sync_backend, payload_token_auth

__all__ = [
    "Auth",
    "Compose",
    "EmbeddedStore",
    "Hub",
    "ObjectStore",
    "RateLimit",
    "SqliteStorage",
    "SyncAuth",
    "SyncStorage",
    "bearer_auth",
    "create_app",
    "create_data_plane",
    "create_signer",
    "create_site",
    "create_sync_backend",
    "payload_token_auth",
    "public_access",
]
