"""How a device keeps the bytes of files, as an app is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Whether and how this device keeps bytes.

    `available`: durable storage works here. `persisted`: the browser promised not to evict it; None when
    it cannot tell. `private_mode`: the storage is known to vanish with the session; None when it cannot
    be told. `usage` and `quota` in bytes, None when unknown.

    What takes them, in bytes, and goes in this order when room is needed: `thumbnails`, None where there are
    none; `trash`, what deleted files had last; `versions`, what files had before; `live`, what files have.
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
