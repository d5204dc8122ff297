"""The files that somebody has chosen on the page, as sources that can be saved.

The page may be on another machine than this Python: of a choice it tells names and sizes, and answers what
it is asked. In one browser it posts the `File` objects over a channel that only pages of its origin hear, and
no byte is copied. Elsewhere, and where nothing comes over the channel, it is asked for the bytes, a piece at
a time and only when the last one is used.

The widget's messages: `chosen` from the page; `files`, `piece` and `forget` to it, `piece` or `failed` back.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from filesync_web.aio.futures import new_future
from filesync_web.errors import InvalidArgumentError, StorageError
from filesync_web.files.file_to_save import FileToSave

PIECE_SIZE = 1 << 20
"""Bytes that a page is asked for at once."""
PIECE_TIMEOUT = 60.0
"""Seconds until a page that does not answer is taken for gone: closed, or reloaded."""
CHANNEL_TIMEOUT = 5.0
"""Seconds until a page that does not post its files is taken for one of another origin."""

Ask = Callable[[dict[str, Any]], None]
"""Sends a question to the page."""
OnReceived = Callable[[int, int], None]
"""Told the position of a file of the choice, and how many bytes of it have come."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the page says of a chosen file; `size` in bytes."""

    name: str
    type: str
    size: int


class Choice:
    """The files of one choice."""

    def __init__(self, choice_id: str, files: Sequence[object], ask: Ask) -> None:
        """Raises `InvalidArgumentError` for files that are not described as they should be."""
        self.files = [_described(file) for file in files]
        self._id = choice_id
        self._ask_page = ask
        self._awaited: dict[tuple[int, int], asyncio.Future[bytes]] = {}

    async def sources(self, on_received: OnReceived) -> list[FileToSave]:
        """The files in their order, ready to be saved; their bytes are read then."""
        js_files = await self._posted() if sys.platform == "emscripten" else None
        if js_files is not None:
            return [FileToSave(js_file) for js_file in js_files]
        return [
            FileToSave(self._pieces(position, file, on_received), name=file.name, mime_type=file.type or None)
            for position, file in enumerate(self.files)
        ]

    def answered(self, message: object, buffers: Sequence[Any]) -> None:
        """Take what the page answers; an answer that nobody waits for any more is dropped. Raises
        `InvalidArgumentError` for what is no answer."""
        match message:
            case {"tell": str(tell), "position": int(position), "start": int(start), **rest}:
                awaited = self._awaited.get((position, start))
            case _:
                raise InvalidArgumentError(f"this is no answer: {message!r:.200}")
        if awaited is None or awaited.done():
            return
        if tell == "piece" and buffers:
            awaited.set_result(bytes(buffers[0]))
        else:
            awaited.set_exception(
                StorageError(f"the file could not be read ({rest.get('message')}); nothing of it was stored")
            )

    def forget(self) -> None:
        """Let the page forget the files."""
        self._ask("forget")

    async def _posted(self) -> list[Any] | None:
        from filesync_web.browser.posted_files import receive_files

        return await receive_files(lambda channel: self._ask("files", channel=channel), CHANNEL_TIMEOUT)

    async def _pieces(
        self, position: int, file: Described, on_received: OnReceived
    ) -> AsyncGenerator[bytes, None]:
        for start in range(0, file.size, PIECE_SIZE):
            end = min(start + PIECE_SIZE, file.size)
            piece = await self._piece(position, start, end)
            if len(piece) != end - start:
                raise StorageError(f"{file.name} changed while it was read; nothing of it was stored")
            on_received(position, end)
            yield piece

    async def _piece(self, position: int, start: int, end: int) -> bytes:
        awaited = self._awaited[position, start] = new_future()
        self._ask("piece", position=position, start=start, end=end)
        try:
            return await asyncio.wait_for(awaited, PIECE_TIMEOUT)
        except TimeoutError:
            raise StorageError(
                "the page does not answer; was it closed or reloaded? Nothing of the file was stored"
            ) from None
        finally:
            del self._awaited[position, start]

    def _ask(self, question: str, **about: Any) -> None:
        self._ask_page({"ask": question, "choice": self._id, **about})


def _described(file: object) -> Described:
    match file:
        case {"name": str(name), "type": str(kind), "size": int(size)} if size >= 0:
            return Described(name, kind, size)
    raise InvalidArgumentError(f"this describes no file: {file!r:.200}")
