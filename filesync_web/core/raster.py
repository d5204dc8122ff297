"""A small picture as its pixels, and as a PNG that a page can show."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

from filesync_web.core.light_dataclass import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGBA = 6  # the colour type; each value has eight bits


@dataclass(frozen=True, slots=True)
class Raster:
    """Pixels row by row, four bytes each: red, green, blue and alpha, none multiplied by it."""

    width: int
    height: int
    rgba: bytes


def png(raster: Raster) -> bytes:
    """The picture as a PNG file (W3C PNG, third edition); meant for few pixels, which are not filtered."""
    row = 4 * raster.width
    rows = b"".join(b"\0" + raster.rgba[at : at + row] for at in range(0, len(raster.rgba), row))
    header = struct.pack(">IIBBBBB", raster.width, raster.height, 8, _RGBA, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def data_url(raster: Raster) -> str:
    """The picture as the `data:` URL of a PNG."""
    return "data:image/png;base64," + b64encode(png(raster)).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
