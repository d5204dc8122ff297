"""Makes pictures smaller before they are saved, in the worker that makes thumbnails.

Works on the main thread and in workers; what a worker cannot decode stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import js
from pyodide.ffi import to_js

from filesync_web.browser.js_sources import is_blob, local
from filesync_web.browser.js_util import JsError, call, is_none, storage_error
from filesync_web.browser.thumbnails import js_recipe
from filesync_web.browser.worker import ScriptWorker
from filesync_web.core.image_size import HEADER_SIZE
from filesync_web.core.thumbnails import Recipe
from filesync_web.ports import Source


class WorkerShrinker:
    """The `PictureShrinker` port: its worker runs while there is something to shrink.

    A source is a JavaScript `File` or `Blob`, bytes, or a path; others can be read once only.
    """

    def __init__(self) -> None:
        self._worker: ScriptWorker | None = None
        self._running = 0

    async def header(self, source: Source) -> bytes | None:
        """The beginning of a source that can be read more than once."""
        if isinstance(source, Path):
            with source.open("rb") as file:
                return file.read(HEADER_SIZE)
        if isinstance(source, bytes):
            return source[:HEADER_SIZE]
        if not is_blob(source):
            return None
        js_blob = await local(source)
        try:
            js_header = await call(js_blob.slice(0, HEADER_SIZE), "arrayBuffer")
        except JsError as error:
            raise storage_error(error) from error
        return bytes(js_header.to_bytes())

    async def shrink(self, source: Source, recipe: Recipe, pixels: tuple[int, int] | None) -> Source | None:
        """The picture as a `Blob` in the recipe's format, or in another one where the browser cannot write
        that."""
        js_blob = await local(source) if is_blob(source) else _as_blob(source)
        worker = self._worker = self._worker or ScriptWorker("thumbnails.js", "the pictures to save")
        self._running += 1
        try:
            about = {"blob": js_blob, "mimeType": js_blob.type, "recipe": js_recipe(recipe, pixels)}
            js_made = await worker.run("shrink", **about)
        finally:
            self._running -= 1
            if not self._running:
                worker.close()
                self._worker = None
        return None if is_none(js_made) else js_made

    def size(self, source: Source) -> int:
        """Bytes of a source or of what was made of it."""
        if isinstance(source, Path):
            return source.stat().st_size
        return len(source) if isinstance(source, bytes) else int(source.size)


def _as_blob(source: Path | bytes) -> Any:
    data = source.read_bytes() if isinstance(source, Path) else source
    return js.Blob.new(to_js([to_js(data)]))
