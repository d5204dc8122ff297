"""Which uploads are admitted, and what is told of those that have arrived: hooks and quotas.

    admission = Admission(store, "usage.sqlite", per_store=Quota(max_bytes=10 * 1024**3))
    create_signer(store, authenticate=authenticate, admission=admission)

The bytes of an upload to S3 do not pass this server. So whether it has arrived is seen by looking, a few
seconds after it was admitted, and later again; a process that comes after a crash goes on with that.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException

from ..shared.identity import Identity, store_of
from ..shared.threads import Threads
from .ledger import FIRST_LOOK, Entry, Ledger, OverQuotaError, Quota
from .port import ABANDONED_AFTER, ObjectStore, ObjectStoreError, Upload

GRACE = 3600.0
"""Seconds for which an upload may go on after its URL has ended: the URL has to be good when it begins."""

log = logging.getLogger(__name__)

BeforeUpload: TypeAlias = Callable[[Identity, str, int, str | None], str | Awaitable[str | None] | None]
"""Gets who uploads, the key, the size and the content type; answers None (go on) or why not, in words for the
user (403). May be a coroutine function."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An object that has arrived. `identity` is the name of who has uploaded it."""

    identity: str
    key: str
    size: int
    content_type: str | None


AfterUpload: TypeAlias = Callable[[Uploaded], Awaitable[None] | None]
"""Told of each object that has arrived, at least once, and again when it raises; may be a coroutine
function."""


class Admission:
    """Admits uploads to one object store. Give the same one to signer and data plane, and close it at the
    end.

    `path` is the SQLite file of what was admitted; the processes of one machine may share it. What was in the
    store before is not counted. `url_lifetime`: seconds for which the store's URLs are good.
    """

    def __init__(
        self,
        store: ObjectStore,
        path: str | Path,
        *,
        per_store: Quota = Quota(),  # noqa: B008 - it is frozen
        per_identity: Quota = Quota(),  # noqa: B008
        before_upload: BeforeUpload | None = None,
        after_upload: AfterUpload | None = None,
        url_lifetime: float = 900.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open or create the file. Blocks."""
        self._store = store
        self._ledger = Ledger(Path(path), per_store=per_store, per_identity=per_identity)
        self._before_upload = before_upload
        self._after_upload = after_upload
        self._url_lifetime = url_lifetime
        self._clock = clock
        self._threads = Threads("usage", 1)
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for arrivals from now on; the parts call it with their first request. Needs a running loop."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())

    async def admit(self, identity: Identity, upload: Upload, *, in_parts: bool = False) -> None:
        """Count an upload that is to come. Raises HTTPException 400 when its length is not known, 403 when
        the hook refuses it, and 413 when there is no room."""
        if upload.content_length is None:
            raise HTTPException(400, "the length is missing (contentLength): uploads are counted here")
        if self._before_upload is not None:
            answer = self._before_upload(identity, upload.key, upload.content_length, upload.content_type)
            reason = await answer if inspect.isawaitable(answer) else answer
            if reason is not None:
                raise HTTPException(403, reason)
        now = self._clock()
        ends_at = now + (ABANDONED_AFTER if in_parts else self._url_lifetime + GRACE)
        what = (upload.key, store_of(upload.key), identity.name, upload.content_length, upload.content_type)
        try:
            await self._threads.run(self._ledger.admit, Entry(*what, now, ends_at, due_at=now + FIRST_LOOK))
        except OverQuotaError as error:
            raise HTTPException(413, str(error)) from None

    async def admit_parts(self, identity: Identity, key: str, size: int) -> None:
        """The parts of an upload have arrived, and are to be joined: they have to be what was counted. Raises
        HTTPException 413, and what `admit` raises for an upload that is not counted any more."""
        entry = await self._threads.run(self._ledger.find, key)
        if entry is None:
            await self.admit(identity, Upload(key, content_length=size))
        elif size > entry.size:
            raise HTTPException(413, f"the parts have more than the {entry.size} bytes that were announced")

    async def arrived(self, key: str, size: int) -> None:
        """The object is there, with so many bytes."""
        entry = await self._threads.run(self._ledger.find, key)
        if entry is not None and entry.due_at is not None:
            await self._settle(entry, size)

    async def parts_ended(self, key: str, size: int | None) -> None:
        """The upload of parts has ended: they were joined to so many bytes, or thrown away (None). Only a URL
        that was signed for the key as a whole may still bring something."""
        at = self._clock() + self._url_lifetime + GRACE
        await self._threads.run(self._ledger.end_by, key, at)
        if size is not None:
            await self.arrived(key, size)

    async def delete(self, key: str) -> None:
        """Remove the object from the store. It is counted no longer when nothing can bring it back. Raises
        ObjectStoreError."""
        await self._threads.run(self._ledger.look_at, key, self._clock() + FIRST_LOOK)
        await self._store.delete(key)
        entry = await self._threads.run(self._ledger.find, key)
        if entry is not None:
            await self._threads.run(self._ledger.settle, entry, None, self._clock())

    async def usage(self, identity: Identity, store_id: str | None) -> dict[str, Any]:
        """What `GET /v1/usage` answers."""
        answer = {"identity": {"name": identity.name, **await self._usage("identity", identity.name)}}
        if store_id is not None:
            answer["store"] = {"id": store_id, **await self._usage("store", store_id)}
        return answer

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._threads.run(self._ledger.close)
        self._threads.close()

    async def _usage(self, kind: Any, name: str) -> dict[str, Any]:
        used, quota = await self._threads.run(self._ledger.usage, kind, name)
        return {
            "bytes": used.bytes,
            "files": used.files,
            "maxBytes": quota.max_bytes,
            "maxFiles": quota.max_files,
        }

    async def look(self) -> None:
        """Look at all for which it is time; `start` does it every few seconds."""
        for entry in await self._threads.run(self._ledger.claim_due, self._clock()):
            await self._look_at(entry)

    async def _look_on(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # the disk, perhaps: it may be well again later
                log.exception("uploads could not be looked for")
            await asyncio.sleep(FIRST_LOOK)

    async def _look_at(self, entry: Entry) -> None:
        try:
            found = await self._store.head(entry.key)
        except ObjectStoreError as error:
            log.warning("whether %s has arrived is not known: %s", entry.key, error)
            return
        if found is None:
            await self._threads.run(self._ledger.settle, entry, None, self._clock())
        else:
            await self._settle(entry, found.size)

    async def _settle(self, entry: Entry, size: int) -> None:
        """Tell of an object that is there. When that fails, it stays due."""
        if self._after_upload is not None:
            try:
                answer = self._after_upload(Uploaded(entry.identity, entry.key, size, entry.content_type))
                if inspect.isawaitable(answer):
                    await answer
            except Exception:  # it is an app's
                log.exception("after_upload has failed for %s; it is told again", entry.key)
                return
        await self._threads.run(self._ledger.settle, entry, size, self._clock())
