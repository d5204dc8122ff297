"""The object store of one machine: a directory, reached through signed URLs of the data plane."""

from __future__ import annotations

import base64
import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from ...shared.disk import make_private_folder
from ...shared.threads import Threads
from ..port import (
    FEATURES,
    NewMultipart,
    ObjectInfo,
    Part,
    SignedRequest,
    StoreUnavailableError,
    Upload,
)
from .directory import BlobDirectory, StoredObject
from .multipart import MultipartDirectory
from .url_signing import UrlSigner, load_secret

_FILE_THREADS = 16
_INDEX_THREADS = 4
_WHOLE_FILE_THREADS = 4
"""For what reads or writes an object as a whole, and so may take minutes."""

CHECKSUM_HEADER = "x-amz-checksum-sha256"
"""Base64 of the SHA-256, as S3 spells it."""


class EmbeddedStore:
    """An `ObjectStore` whose data plane is `data_plane.create_data_plane(store, ...)`."""

    features = FEATURES

    def __init__(
        self,
        root: str | Path,
        *,
        files_path: str = "/livestore-filesync-files",
        lifetime: float = 900.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open or create the directory `root`. URLs live `lifetime` seconds. Blocks."""
        root = Path(root)
        make_private_folder(root)
        self.urls = UrlSigner(load_secret(root / "url-secret"), clock)
        self.directory = BlobDirectory(root)
        self.multipart = MultipartDirectory(self.directory, clock)
        self.files_path = files_path
        self.files = Threads("files", _FILE_THREADS)
        self._index = Threads("index", _INDEX_THREADS)
        self._whole_files = Threads("whole-files", _WHOLE_FILE_THREADS)
        self._health = Threads("health", 1)
        self._lifetime = lifetime
        self._clock = clock

    async def check(self) -> None:
        try:
            await self._health.run(self.directory.check)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailableError(f"the data directory cannot be used: {error}") from error

    async def sign_upload(self, upload: Upload, origin: str, until: float = math.inf) -> SignedRequest:
        bound: dict[str, str] = {}
        if upload.content_type is not None:
            bound["content-type"] = upload.content_type
        if upload.content_length is not None:
            bound["content-length"] = str(upload.content_length)
        if upload.sha256 is not None:
            bound[CHECKSUM_HEADER] = base64.b64encode(bytes.fromhex(upload.sha256)).decode()
        if upload.create_only:
            bound["if-none-match"] = "*"
        return self._signed("PUT", upload.key, origin, until, bound)

    async def sign_download(self, key: str, origin: str, until: float = math.inf) -> SignedRequest:
        return self._signed("GET", key, origin, until)

    async def delete(self, key: str) -> None:
        await self.files.run(self.directory.delete, key)

    async def head(self, key: str) -> ObjectInfo | None:
        stored = await self._whole_files.run(self.directory.find_intact, key)
        return stored.info if stored else None

    async def find(self, key: str) -> StoredObject | None:
        """What `head` tells, without reading the object's bytes."""
        return await self._index.run(self.directory.find, key)

    async def create_multipart(self, upload: Upload) -> NewMultipart:
        return await self.files.run(self.multipart.create, upload)

    async def sign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], origin: str, until: float = math.inf
    ) -> Sequence[SignedRequest]:
        await self.list_parts(key, upload_id)  # refuses an unknown upload before the bytes travel
        return [self._signed("PUT", key, origin, until, part=(upload_id, number)) for number in numbers]

    async def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        return await self._index.run(self.multipart.parts, key, upload_id)

    async def room_for_part(self, key: str, upload_id: str, number: int) -> int | None:
        """How many bytes this part may have, None where it was not announced. Raises UnknownUploadError."""
        return await self._index.run(self.multipart.room_for_part, key, upload_id, number)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> str:
        return (await self._whole_files.run(self.multipart.complete, key, upload_id, parts)).sha256

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self.files.run(self.multipart.abort, key, upload_id)

    async def close(self) -> None:
        await self.files.run(self.directory.close)
        for threads in (self.files, self._index, self._whole_files, self._health):
            threads.close()

    def _signed(
        self,
        method: str,
        key: str,
        origin: str,
        until: float,
        bound: Mapping[str, str] | None = None,
        *,
        part: tuple[str, int] | None = None,
    ) -> SignedRequest:
        lifetime = min(self._lifetime, until - self._clock())
        query = self.urls.sign(method, key, lifetime=lifetime, headers=bound, part=part)
        url = f"{origin}{self.files_path}/{quote(key)}?{urlencode(query)}"
        # A browser sets the length itself and forbids a page to do so.
        send = {name: value for name, value in (bound or {}).items() if name != "content-length"}
        return SignedRequest(method, url, datetime.fromtimestamp(int(query["exp"]), UTC), send)
