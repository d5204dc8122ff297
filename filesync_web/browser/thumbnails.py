"""Thumbnails in OPFS, made by the browser's own decoders.

A dedicated worker (`thumbnails.js`) decodes, shrinks and keeps pictures, so that the page's thread has no
part in it. Drawings (SVG) and videos are what only the page's thread can decode: `page_pictures.py` draws
them, when this Python runs there. A picture that would take too much memory is not decoded at all.

Works on the main thread and in workers. The page's Content-Security-Policy must allow `worker-src blob:`, for
drawings `img-src data:` and for videos `media-src blob:` as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import js
from pyodide.ffi import to_js

from filesync_web.browser.blobs import LARGEST_DRAWING
from filesync_web.browser.js_util import JsError, call, in_worker, is_none, js_object, storage_error
from filesync_web.browser.object_urls import named_file
from filesync_web.browser.page_pictures import draw_svg, draw_video
from filesync_web.browser.worker import ScriptWorker
from filesync_web.core.image_kinds import claimed_size
from filesync_web.core.image_size import HEADER_SIZE, image_size
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import SVG, essence
from filesync_web.core.paths import check_store_id
from filesync_web.core.raster import Raster
from filesync_web.core.thumbnails import Recipe, is_too_large, type_of
from filesync_web.errors import BlobNotFoundError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a URL was made of; `is_kept`: a file in OPFS, which another tab may remove."""

    url: str
    js_blob: Any
    is_kept: bool


class OpfsThumbnails:
    """The `ThumbnailStore` port over OPFS."""

    def __init__(self, store_id: str) -> None:
        self._store_id = check_store_id(store_id)
        self._worker = ScriptWorker("thumbnails.js", f"the thumbnails of {store_id}")
        self._shown: dict[str, _Shown] = {}

    def close(self) -> None:
        """End the worker, fail what it still does, and let go of all URLs."""
        self._worker.close()
        for name in list(self._shown):
            self._revoke(name)

    async def find(self, name: str) -> str | None:
        """The object URL of a thumbnail; another one when it was made again meanwhile."""
        js_file = await self._run("findThumbnail", name=name)
        shown = self._shown.get(name)
        if not is_none(js_file):
            return self._show(name, js_file, is_kept=True)
        if shown is not None and shown.is_kept:
            self._revoke(name)
            return None
        return None if shown is None else shown.url

    async def make(self, content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
        """Make a thumbnail in the worker, or for what it cannot decode on the page's thread."""
        js_file = await self._run("find", hash=content_hash)
        if is_none(js_file):
            raise BlobNotFoundError(f"no bytes are stored in this browser under {content_hash}")
        kind, name = essence(mime_type), recipe.name_for(content_hash)
        if kind == SVG or kind.startswith("video/"):
            js_made = await self._make_on_page(js_file, kind, name, recipe)
        else:
            pixels = await _pixels(js_file)
            if is_too_large(int(js_file.size), pixels):
                logger.info("no thumbnail of %s is made: that would take too much memory", content_hash)
                return False
            about = {"hash": content_hash, "name": name, "mimeType": kind}
            js_made = await self._run("make", **about, recipe=js_recipe(recipe, pixels))
        if is_none(js_made):
            return False
        self._show(name, js_made, is_kept=hasattr(js_made, "lastModified"))
        return True

    async def _make_on_page(self, js_file: Any, kind: str, name: str, recipe: Recipe) -> Any:
        """The thumbnail as a `File` that is kept or a `Blob` that is not; None when there can be none."""
        if in_worker():
            return None
        js_present = await self._run("findThumbnail", name=name)
        if not is_none(js_present):
            return js_present
        js_blob = await (self._draw_svg if kind == SVG else _draw_video)(js_file, kind, recipe)
        return None if is_none(js_blob) else await self._run("keep", name=name, blob=js_blob)

    async def _draw_svg(self, js_file: Any, kind: str, recipe: Recipe) -> Any:
        if js_file.size > LARGEST_DRAWING:
            return None
        # Drawn from a `blob:` URL, some drawings make a canvas that gives no bytes.
        url = await self._run("dataUrl", blob=js_file, mimeType=kind)
        return await draw_svg(str(url), recipe)

    async def raster(self, name: str, *, longest: int) -> Raster | None:
        """The pixels, drawn by the worker."""
        js_found = await self._run("raster", name=name, longest=longest)
        if is_none(js_found):
            return None
        return Raster(int(js_found.width), int(js_found.height), js_found.rgba.to_bytes())

    async def sizes(self) -> dict[str, int]:
        """The names of all that are kept, with their sizes."""
        found: dict[str, int] = json.loads(await self._run("list"))
        return found

    async def remove(self, names: Iterable[str]) -> None:
        """Remove these and their URLs."""
        unneeded = list(names)
        for name in unneeded:
            self._revoke(name)
        await self._run("remove", names=json.dumps(unneeded))

    def _show(self, name: str, js_blob: Any, *, is_kept: bool) -> str:
        """The URL of a thumbnail; the one of before while it is the same file."""
        shown = self._shown.get(name)
        if shown is not None and is_kept and _is_same(shown.js_blob, js_blob):
            return shown.url
        self._revoke(name)
        js_typed = named_file(js_blob, name, type_of(name)) if is_kept else js_blob
        url = str(js.URL.createObjectURL(js_typed))
        self._shown[name] = _Shown(url, js_blob, is_kept)
        return url

    def _revoke(self, name: str) -> None:
        shown = self._shown.pop(name, None)
        if shown is not None:
            js.URL.revokeObjectURL(shown.url)

    async def _run(self, operation: str, **args: Any) -> Any:
        return await self._worker.run(operation, storeId=self._store_id, **args)


def js_recipe(recipe: Recipe, pixels: tuple[int, int] | None) -> Any:
    """The recipe as the worker takes it, with width and height of the picture where these are known."""
    about = {"size": recipe.size, "fit": recipe.fit, "type": recipe.mime_type, "quality": recipe.quality}
    return js_object({**about, "pixels": pixels and to_js(pixels)})


async def _draw_video(js_file: Any, kind: str, recipe: Recipe) -> Any:
    url = str(js.URL.createObjectURL(named_file(js_file, "video", kind)))
    try:
        return await draw_video(url, recipe)
    finally:
        js.URL.revokeObjectURL(url)


async def _pixels(js_file: Any) -> tuple[int, int] | None:
    """Width and height, as far as the header tells."""
    try:
        js_header = await call(js_file.slice(0, HEADER_SIZE), "arrayBuffer")
    except JsError as error:
        raise storage_error(error) from error
    header = js_header.to_bytes()
    return image_size(header) or claimed_size(header)


def _is_same(js_one: Any, js_other: Any) -> bool:
    return bool(js_one.lastModified == js_other.lastModified and js_one.size == js_other.size)
