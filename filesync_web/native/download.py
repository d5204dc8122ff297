"""One download into a partial file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filesync_web.aio.threads import in_thread
from filesync_web.core import resume
from filesync_web.core.failures import error_for_status, shown_url
from filesync_web.core.refusals import Refusal, read_refusal
from filesync_web.errors import IntegrityError, NetworkError, TransferError
from filesync_web.native.incoming import Partial
from filesync_web.native.locks import hold_file
from filesync_web.ports import Progress

if TYPE_CHECKING:
    from filesync_web.native.http import HttpxHttp


@asynccontextmanager
async def hold_partial(folder: Path, content_hash: str) -> AsyncIterator[Partial]:
    """What is there of a content, alone; it is kept when it breaks off, so that another try can go on."""
    async with hold_file(folder / f"lock-{content_hash}"):
        partial = Partial(folder, content_hash)
        try:
            while await in_thread(partial.take_up):
                pass
            yield partial
        except BaseException as error:
            broken_off = isinstance(error, TransferError | asyncio.CancelledError)
            if broken_off and not isinstance(error, IntegrityError):
                partial.keep()
            else:
                partial.discard()
            raise


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch, and how; the arguments are those of `BlobStore.download`."""

    http: HttpxHttp
    url: str
    headers: Mapping[str, str]
    size: int | None
    progress: Progress | None
    stall_timeout: float

    async def run(self, partial: Partial) -> None:
        """Receive what is missing and check that it is what was promised."""
        if self.size is not None and partial.size > self.size:
            partial.restart("")
        if partial.size != self.size and not await self._receive(partial):
            partial.restart("")
            await self._receive(partial)
        resume.check_complete(partial.size, self.size, shown_url(self.url))
        resume.check_hash(partial.sha.hexdigest(), partial.content_hash, shown_url(self.url))

    async def _receive(self, partial: Partial) -> bool:
        """Receive what is missing; False when the server does not have the range that was asked for."""
        asked = {**self.headers, **resume.range_headers(partial.size, partial.etag)}
        async with self.http.stream(self.url, asked, stall_timeout=self.stall_timeout) as (answer, body):
            if answer.status == 416 and partial.size:
                return False
            if answer.status not in (200, 206):
                what = f"downloading {partial.content_hash}"
                raise error_for_status(answer.status, answer.headers, what, await _refusal(body))
            if not resume.goes_on(answer.status, answer.headers, partial.size, shown_url(self.url)):
                partial.restart(resume.strong_etag(answer.headers))
            async for chunk in body:
                await in_thread(partial.append, chunk)
                if self.progress is not None:
                    self.progress(partial.size, self.size or 0)
                resume.check_not_longer(partial.size, self.size, shown_url(self.url))
        return True


async def _refusal(body: AsyncIterator[bytes]) -> Refusal:
    """What the beginning of the answer says, which is no content."""
    try:
        return read_refusal(await anext(body, b""))
    except NetworkError:  # the status says enough
        return Refusal()
