"""Pictures that a page draws, and a look at those that it is shown."""

from __future__ import annotations

import struct
from typing import Any

import js
from pyodide.ffi import to_js

from filesync_web.browser.js_util import js_object

RED, BLUE = (255, 0, 0), (0, 0, 255)

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" width="40" height="20">
<rect width="20" height="20" fill="#f00"/><rect x="20" width="20" height="20" fill="#00f"/></svg>"""


async def draw(width: int, height: int, mime_type: str = "image/png") -> Any:
    """A picture as a `Blob`: its left half is red, its right half blue."""
    js_canvas = js.OffscreenCanvas.new(width, height)
    js_context = js_canvas.getContext("2d")
    for at, colour in ((0, "#f00"), (width / 2, "#00f")):
        js_context.fillStyle = colour
        js_context.fillRect(at, 0, width / 2, height)
    return await js_canvas.convertToBlob(js_object({"type": mime_type, "quality": 0.95}))


async def with_orientation(js_jpeg: Any, orientation: int) -> Any:
    """A JPEG whose Exif says how it is to be turned."""
    data = (await js_jpeg.arrayBuffer()).to_bytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    return js.Blob.new(to_js([to_js(data[:2] + segment + data[2:])]), js_object({"type": "image/jpeg"}))


async def look_at(url: str) -> tuple[int, int, list[str]]:
    """Width, height, and the colours at the left, right, top and bottom of what is at a URL."""
    js_bitmap = await js.createImageBitmap(await (await js.fetch(url)).blob())
    width, height = int(js_bitmap.width), int(js_bitmap.height)
    js_canvas = js.OffscreenCanvas.new(width, height)
    js_context = js_canvas.getContext("2d", js_object({"willReadFrequently": True}))
    js_context.drawImage(js_bitmap, 0, 0)
    middle = (width // 2, height // 2)
    places = [(1, middle[1]), (width - 2, middle[1]), (middle[0], 1), (middle[0], height - 2)]
    return width, height, [_name(js_context.getImageData(x, y, 1, 1).data.to_py()) for x, y in places]


async def size_shown(url: str) -> list[int]:
    """Width and height of what an image element shows at a URL."""
    js_image = js.Image.new()
    js_image.src = url
    await js_image.decode()
    return [int(js_image.naturalWidth), int(js_image.naturalHeight)]


def _name(rgba: Any) -> str:
    red, green, blue, alpha = rgba
    if alpha < 128:
        return "clear"
    names = {(True, False, False): "red", (False, False, True): "blue", (True, True, True): "white"}
    return names.get((red > 128, green > 128, blue > 128), "other")


async def thumbnails_kept(store_id: str) -> list[str]:
    """The names of the thumbnails in OPFS."""
    js_folder = await js.navigator.storage.getDirectory()
    for name in ("livestore-filesync-thumbnails", store_id):
        js_folder = await js_folder.getDirectoryHandle(name, js_object({"create": True}))
    return sorted(await js.Array.fromAsync(js_folder.keys()))


async def is_gone(url: str) -> bool:
    """Whether nothing is at an object URL any more."""
    js_outcomes = await js.Promise.allSettled(to_js([js.fetch(url)]))
    return bool(js_outcomes[0].status == "rejected")
