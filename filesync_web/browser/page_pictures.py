"""Pictures that only the page's own thread can draw: drawings (SVG) by an image element, and the beginning of
a video by a video element. Neither is ever put into the page.

Works on the main thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.browser.js_util import JsError, call, js_object
from filesync_web.core.thumbnails import Recipe, layout_of

TIMEOUT = 10.0
"""Seconds after which a video that shows nothing counts as one that cannot be shown."""
POSTER_AT = 1.0
"""Seconds into a video: many begin in black."""


async def draw_svg(url: str, recipe: Recipe) -> Any:
    """A drawing as a `Blob` in the recipe's format, as large as it says; None when it cannot be shown.

    It is drawn as in `<img>`: nothing in it runs, and nothing is loaded from elsewhere.
    """
    js_image = js.Image.new()
    js_image.src = url
    try:
        async with asyncio.timeout(TIMEOUT):
            await call(js_image, "decode")
        size = (int(js_image.naturalWidth), int(js_image.naturalHeight))
        return await _drawn(js_image, size, recipe, enlarge=True)
    except (JsError, TimeoutError):
        return None


async def draw_video(url: str, recipe: Recipe) -> Any:
    """A frame from the beginning of a video; None when this browser shows none, or not in time."""
    js_video = js.document.createElement("video")
    js_video.muted = js_video.playsInline = True
    js_video.preload = "auto"

    def load() -> None:
        js_video.src = url

    def seek() -> None:
        js_video.currentTime = min(POSTER_AT, js_video.duration / 4)

    try:
        async with asyncio.timeout(TIMEOUT):
            await _event(js_video, "loadeddata", load)
            await _event(js_video, "seeked", seek)
        size = (int(js_video.videoWidth), int(js_video.videoHeight))
        return await _drawn(js_video, size, recipe)
    except (JsError, TimeoutError):
        return None
    finally:
        js_video.removeAttribute("src")
        js_video.load()  # lets go of the decoder


async def _drawn(js_picture: Any, size: tuple[int, int], recipe: Recipe, *, enlarge: bool = False) -> Any:
    """What an element shows as a `Blob`; None when it has no size. Raises `JsError`."""
    if 0 in size:
        return None
    source, (width, height) = layout_of(size, recipe, enlarge=enlarge)
    js_canvas = js.OffscreenCanvas.new(width, height)
    js_context = js_canvas.getContext("2d")
    if recipe.format == "jpeg":  # it knows no transparency
        js_context.fillStyle = "white"
        js_context.fillRect(0, 0, width, height)
    js_context.imageSmoothingQuality = "high"
    js_context.drawImage(js_picture, *source, 0, 0, width, height)
    about = {"type": recipe.mime_type, "quality": recipe.quality}
    return await call(js_canvas, "convertToBlob", js_object(about))


async def _event(js_element: Any, name: str, begin: Callable[[], None]) -> None:
    """Begin something and wait for the event that ends it; raises `JsError` when there is an `error`."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_event(js_event: Any) -> None:
        if not ended.done():
            ended.set_result(js_event.type)

    js_listener = create_proxy(on_event)
    for event in (name, "error"):
        js_element.addEventListener(event, js_listener)
    try:
        begin()
        if await ended == "error":
            raise JsError("EncodingError", "the video cannot be shown")
    finally:
        for event in (name, "error"):
            js_element.removeEventListener(event, js_listener)
        js_listener.destroy()
