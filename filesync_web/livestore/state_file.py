"""The database file of the state: how it is opened, and which errors are the file's own.

Whatever is uncommitted stays in memory. Works wherever the standard library's `sqlite3` does.
"""

from __future__ import annotations

import sqlite3

_CACHE_KIB = 16 << 10
_STORAGE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def connect_alone(path: str) -> sqlite3.Connection:
    """Open a file that nobody else opens and that need not outlive this process. At any instant its bytes are
    what was committed last, and may be copied. An empty file is an empty database.

    Raises `sqlite3.DatabaseError` when the file is damaged.
    """
    return connect(path, "locking_mode=EXCLUSIVE", "journal_mode=MEMORY", "synchronous=OFF")


def connect(path: str, *pragmas: str) -> sqlite3.Connection:
    """Open a database file with these pragmas; raises `sqlite3.DatabaseError` when it is damaged."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*pragmas, "cache_spill=OFF", f"cache_size=-{_CACHE_KIB}"):
            db.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def is_storage_failure(error: BaseException) -> bool:
    """Whether SQLite could not use its file or its memory, and not a statement that was wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _STORAGE_CODES  # the rest says more about the kind
