"""The port between the signer and an object store, and the values that cross it.

Implementations: `embedded.EmbeddedStore` (a directory of this machine) and `s3.S3Store` (any S3-compatible
service). All methods are coroutines that may be cancelled. `origin` is scheme and host as the caller sees
this server; only a store that is served by this server needs it. `until` is the unix time at which a URL ends
at the latest, because its holder's right ends then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?", re.ASCII)

CHECKSUM, MULTIPART, HEAD = "checksum", "multipart", "head"
FEATURES = frozenset({CHECKSUM, MULTIPART, HEAD})
"""The extensions of the signer contract that a store may have."""

MAX_PUT_BYTES = 5 * 1024**3
"""S3's limit of one PUT and of one part."""
MAX_PARTS = 10_000
"""S3's limit of one upload."""
MAX_OBJECT_BYTES = 5 * 1024**4
"""S3's limit of an object."""

PART_SIZE = 8 * 1024**2
"""Bytes; S3 wants 5 MiB at least of every part but the last."""
ABANDONED_AFTER = 7 * 24 * 3600.0
"""Seconds after which an unfinished upload in parts is aborted."""


class ObjectStoreError(Exception):
    """The store did not do what it was asked; `status` is the HTTP status that says so."""

    status = 502


class StoreUnavailableError(ObjectStoreError):
    """The store does not answer."""

    status = 503


class UnknownUploadError(ObjectStoreError):
    """There is no such multipart upload: never created, completed or aborted."""

    status = 404


class InvalidUploadError(ObjectStoreError):
    """The parts or the assembled object are not what was announced."""

    status = 400


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that is to come. What is known binds the upload: other bytes are refused, and with
    `create_only` also every upload behind the first."""

    key: str
    content_type: str | None = None
    content_length: int | None = None
    sha256: str | None = None
    create_only: bool = False


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that whoever holds it may make, with exactly these headers, until it expires."""

    method: str
    url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A stored object. `etag` is without quotes; `sha256` is None where the store does not know it."""

    size: int
    etag: str
    sha256: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    etag: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class NewMultipart:
    upload_id: str
    part_size: int


def is_content_type(text: str) -> bool:
    """Whether it can be stored with an object, and sent with it again."""
    return _CONTENT_TYPE.fullmatch(text) is not None


def part_size_for(content_length: int | None) -> int:
    """The size of the parts of an object: it grows with the object so that `MAX_PARTS` are enough."""
    needed = -(-(content_length or 0) // MAX_PARTS)
    return max(1, -(-needed // PART_SIZE)) * PART_SIZE


class ObjectStore(Protocol):
    """What the signer needs."""

    features: frozenset[str]

    async def check(self) -> None:
        """Return when the store answers, else raise StoreUnavailableError."""

    async def sign_upload(self, upload: Upload, origin: str, until: float = math.inf) -> SignedRequest: ...

    async def sign_download(self, key: str, origin: str, until: float = math.inf) -> SignedRequest: ...

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""

    async def head(self, key: str) -> ObjectInfo | None:
        """The object, or None; also None when the store knows that its bytes are damaged."""

    async def create_multipart(self, upload: Upload) -> NewMultipart: ...

    async def sign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], origin: str, until: float = math.inf
    ) -> Sequence[SignedRequest]:
        """One request for each number, in order."""

    async def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """The parts that have arrived, by number."""

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> str:
        """Assemble the object; its ETag without quotes."""

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Forget the upload and its parts; no error when there is none."""

    async def close(self) -> None: ...
