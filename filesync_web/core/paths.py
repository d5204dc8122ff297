"""Where a file's bytes live: one path scheme for OPFS, the service worker, the data plane and the remote key.

    path        livestore-filesync-files/<store id>/<sha256 hex>
    remote key  <store id>/<sha256 hex>

The scheme is livestore-filesync's. It replaces characters outside `[A-Za-z0-9._-]` of a store id by `_`,
so that `a/b` and `a_b` would share one folder; ids that the replacement changes are refused instead.
"""

from __future__ import annotations

import re

from filesync_web.errors import InvalidArgumentError

FILES_ROOT = "livestore-filesync-files"

_STORE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CONTENT_HASH = re.compile(r"[0-9a-f]{64}")


def check_store_id(store_id: str) -> str:
    """Return `store_id`, or raise `InvalidArgumentError` when two different ids could share its folder."""
    if not isinstance(store_id, str) or not _STORE_ID.fullmatch(store_id) or set(store_id) == {"."}:
        raise InvalidArgumentError(
            f"store id {store_id!r} cannot name a folder of its own: use 1 to 128 of the "
            "characters A-Z a-z 0-9 . _ -"
        )
    return store_id


def is_content_hash(value: str) -> bool:
    """Whether `value` is a SHA-256 in lower-case hex."""
    return _CONTENT_HASH.fullmatch(value) is not None


def file_path(store_id: str, content_hash: str) -> str:
    """The path of the content in OPFS, and, with a leading slash, its URL under the service worker."""
    return f"{FILES_ROOT}/{check_store_id(store_id)}/{content_hash}"


def remote_key(path: str) -> str:
    """The object store's key of the content at `path`: the path without its first segment."""
    root, _, key = path.partition("/")
    if root != FILES_ROOT or not key:
        raise InvalidArgumentError(f"{path!r} is not a file path: it must begin with {FILES_ROOT}/")
    return key
