"""LiveStore's sync backend: event logs that clients push to and pull from."""

from .backend import SyncAuth, create_sync_backend, payload_token_auth
from .hub import Hub
from .sqlite import SqliteStorage
from .storage import SyncStorage

__all__ = ["Hub", "SqliteStorage", "SyncAuth", "SyncStorage", "create_sync_backend", "payload_token_auth"]
