"""LiveStore's sync backend: event logs that clients push to and pull from, over WebSocket and HTTP, kept in
SQLite or PostgreSQL. It knows nothing of objects. `postgres.PostgresStorage` is imported from its own module,
because it needs the extra `postgres`.
"""

from .backend import create_sync_backend
from .hub import Hub
from .sqlite import SqliteStorage
from .storage import StorageError, SyncStorage

__all__ = [
    "Hub",
    "SqliteStorage",
    "StorageError",
    "SyncStorage",
    "create_sync_backend",
]
