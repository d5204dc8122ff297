"""A server for several people: each has a token for the stores of which they are a member."""

# --8<-- [start:tokens]
import time
from pathlib import Path

import jwt
from filesync_server import (
    EmbeddedStore,
    Hub,
    SqliteStorage,
    create_app,
    create_data_plane,
    create_signer,
    create_sync_backend,
)
from filesync_server.shared.jwt_auth import jwt_auth

LIFETIME = 3600  # seconds


def token_for(user, stores, key):
    """A token that opens these stores, and no others, for an hour."""
    claims = {"sub": user, "stores": stores, "exp": time.time() + LIFETIME}
    return jwt.encode(claims, key, algorithm="HS256")


# --8<-- [end:tokens]


# --8<-- [start:app]
def make_app(data: Path, key: str):
    """An ASGI app: `uvicorn --factory` or mount it into yours."""
    files, hub = EmbeddedStore(data / "objects"), Hub(SqliteStorage(data / "sync.sqlite"))
    authenticate = jwt_auth(key, algorithms=["HS256"])
    parts = {
        "/api": create_signer(files, authenticate=authenticate),
        files.files_path: create_data_plane(files, authenticate=authenticate),
        "/sync": create_sync_backend(hub, authenticate=authenticate),
    }
    return create_app(parts, on_close=[hub.close, files.close])


# --8<-- [end:app]
