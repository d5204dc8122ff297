"""How much room there is: on this device, and on the server where that counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filesync_web.core.light_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server counts: bytes and files, and how many there may be; None is no limit."""

    bytes: int
    files: int
    max_bytes: int | None
    max_files: int | None


@dataclass(frozen=True, slots=True)
class RemoteUsage:
    """What there is on the server: of the whole store, and of the caller in all stores together."""

    store: Usage
    own: Usage


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Whether and how this device keeps bytes, and how much the server has of the store.

    `available`: durable storage works here. `persisted`: the browser promised not to evict it; None when
    it cannot tell. `private_mode`: the storage is known to vanish with the session; None when it cannot
    be told. `usage` and `quota` in bytes, None when unknown.

    What takes them, in bytes, and goes in this order when room is needed: `thumbnails`, None where there are
    none; `trash`, what deleted files had last; `versions`, what files had before; `live`, what files have.

    `remote`: None when the server does not count, or cannot be asked now.
    """

    available: bool
    persisted: bool | None
    private_mode: bool | None
    usage: int | None
    quota: int | None
    thumbnails: int | None = None
    trash: int = 0
    versions: int = 0
    live: int = 0
    remote: RemoteUsage | None = None


def remote_usage_in(answer: Mapping[str, Any]) -> RemoteUsage | None:
    """What a signer says of usage; None when that cannot be read."""
    store, own = _usage_in(answer.get("store")), _usage_in(answer.get("identity"))
    return None if store is None or own is None else RemoteUsage(store, own)


def _usage_in(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    bytes_, files = _count(value.get("bytes")), _count(value.get("files"))
    if bytes_ is None or files is None:
        return None
    return Usage(bytes_, files, _count(value.get("maxBytes")), _count(value.get("maxFiles")))


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
