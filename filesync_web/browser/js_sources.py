"""The sources that are JavaScript objects: `File`, `Blob`, `ReadableStream`, typed arrays and array buffers.

`sources.py` knows Python's. A `File` or `Blob` goes to the worker as it is, and its bytes stay where they
are; those of the others are handed over in pieces, each a copy in JavaScript.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import js
from pyodide.ffi import JsException, JsProxy, to_js

from filesync_web import sources
from filesync_web.browser.js_util import JsError, call, ignore, in_worker, tag_of
from filesync_web.browser.worker import Job
from filesync_web.errors import InvalidArgumentError, StorageError
from filesync_web.ports import Source, SourceInfo

PIECE_SIZE = 1 << 20
"""Bytes that travel to a worker at once."""


def is_blob(source: Source) -> bool:
    """Whether it is a `File` or a `Blob`, also of another window."""
    return isinstance(source, JsProxy) and tag_of(source) in {"File", "Blob"}


async def local(source: Source) -> Source:
    """The source, as one that can be sent to a worker: a `File` that PyScript lends to its worker is first
    sent here by the page. Raises `InvalidArgumentError` when the page cannot send it."""
    if not (in_worker() and is_blob(source)):
        return source
    from filesync_web.browser.page_files import brought_here, is_here

    return source if is_here(source) else await brought_here(source)


def describe(source: Source) -> SourceInfo:
    """Name, MIME type and size of a source; raises `InvalidArgumentError` for what is none."""
    if not isinstance(source, JsProxy):
        return sources.describe(source)
    if is_blob(source):
        return SourceInfo(getattr(source, "name", ""), source.type, int(source.size))
    if _is_bytes(source):
        return SourceInfo(size=int(source.byteLength))
    if tag_of(source) == "ReadableStream":
        return SourceInfo()
    raise InvalidArgumentError(
        f"a JavaScript {source.typeof} cannot be stored: give a File, Blob, ReadableStream or bytes"
    )


def whole(source: Source, size: int | None) -> Any:
    """What one message can carry: a `File` or `Blob` as it is, few bytes as a copy in a `Uint8Array`. None
    for other sources, which are pumped."""
    if is_blob(source):
        return source
    if size is None or size > PIECE_SIZE:
        return None
    if isinstance(source, JsProxy):
        return js.Uint8Array.new(_view_of(source))
    return to_js(bytes(source)) if isinstance(source, sources.BytesLike) else None


async def pump(job: Job, source: Source) -> None:
    """Give a job all bytes of a source, each piece when the last one is used.

    When it ends early, by an error or cancelled, the job has been aborted and has cleaned up.
    """
    js_spare: Any = None
    try:
        async with aclosing(_pieces(job, source)) as pieces:
            async for piece in pieces:
                js_spare = await job.give(_copy(piece, js_spare))
                if js_spare is None:
                    return
        job.finish()
    except BaseException:
        job.abort()
        await job.ended()
        raise


def _pieces(job: Job, source: Source) -> AsyncGenerator[Any, None]:
    if not isinstance(source, JsProxy):
        return sources.chunks(source)
    return _pieces_of_stream(job, source) if tag_of(source) == "ReadableStream" else _pieces_of_bytes(source)


async def _pieces_of_bytes(js_source: Any) -> AsyncGenerator[Any, None]:
    """The bytes of an array in pieces. They stay the caller's, who may change them meanwhile."""
    js_bytes = _view_of(js_source)
    at = 0
    while at < js_bytes.length:
        yield js_bytes.subarray(at, at + PIECE_SIZE)
        at += PIECE_SIZE


def _view_of(js_source: Any) -> Any:
    """The bytes of a typed array, a view or a buffer, as a `Uint8Array` of the same memory."""
    try:
        is_view = js.ArrayBuffer.isView(js_source)
        place = (js_source.buffer, js_source.byteOffset, js_source.byteLength) if is_view else (js_source,)
        return js.Uint8Array.new(*place)
    except JsException as error:
        raise StorageError(f"the bytes cannot be read; were they transferred? ({error.message})") from error


async def _pieces_of_stream(job: Job, js_stream: Any) -> AsyncGenerator[Any, None]:
    """What a stream gives. When the job has ended meanwhile, it is not waited for."""
    try:
        js_reader = js_stream.getReader()
    except JsException as error:
        raise StorageError(f"the stream failed: {error.message}") from error
    try:
        async for js_item in _items(job, js_reader):
            if not _is_bytes(js_item):
                raise InvalidArgumentError(f"the stream gave a {tag_of(js_item)} instead of bytes")
            async for js_piece in _pieces_of_bytes(js_item):
                yield js_piece
    finally:
        ignore(js_reader, "cancel")


async def _items(job: Job, js_reader: Any) -> AsyncIterator[Any]:
    ended = asyncio.ensure_future(job.ended())
    try:
        while True:
            reading = asyncio.ensure_future(call(js_reader, "read"))
            try:
                await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    return
                js_step = reading.result()
            except JsError as error:
                raise StorageError(f"the stream failed: {error.message}") from error
            finally:
                reading.cancel()
            if js_step.done:
                return
            yield js_step.value
    finally:
        ended.cancel()


def _copy(piece: Any, js_spare: Any) -> Any:
    """The piece in an array that can be transferred: in `js_spare`, if it fits."""
    fits = js_spare is not None and js_spare.length == len(piece)
    if not isinstance(piece, JsProxy):
        if not fits:
            return to_js(piece)
        js_spare.assign(piece)
        return js_spare
    if not fits:
        return js.Uint8Array.new(piece)
    js_spare.set(piece)
    return js_spare


def _is_bytes(js_value: Any) -> bool:
    return js.ArrayBuffer.isView(js_value) or tag_of(js_value) == "ArrayBuffer"
