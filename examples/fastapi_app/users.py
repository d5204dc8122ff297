"""Who the users are: names and hashed passwords, in an SQLite file. All methods block."""

import hashlib
import hmac
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


class Users:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._do("CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, salt BLOB, password BLOB)")

    def add(self, name: str, password: str) -> bool:
        """False: somebody has the name already."""
        salt = secrets.token_bytes(16)
        row = (name, salt, _hashed(password, salt))
        return bool(self._do("INSERT OR IGNORE INTO users VALUES (?, ?, ?) RETURNING name", *row))

    def is_known(self, name: str) -> bool:
        return bool(self._do("SELECT 1 FROM users WHERE name = ?", name))

    def has_password(self, name: str, password: str) -> bool:
        found = self._do("SELECT salt, password FROM users WHERE name = ?", name)
        salt, expected = found[0] if found else (b"", b"")  # takes as long
        return hmac.compare_digest(_hashed(password, salt), expected)

    def revoke(self, name: str) -> None:
        self._do("DELETE FROM users WHERE name = ?", name)

    def _do(self, sql: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self._file)) as db, db:
            return db.execute(sql, values).fetchall()


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
