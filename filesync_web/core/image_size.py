"""Width and height of an image from the beginning of its file: PNG, GIF, WebP and JPEG.

Decoding takes four bytes a pixel, hundreds of megabytes for a large photograph, whereas the size is in the
header. The size is that of the image as it is shown: a JPEG's Exif orientation is taken into account. What
these rules do not cover is left to a decoder.
"""

from __future__ import annotations

import struct

HEADER_SIZE = 256 << 10
"""Bytes of a file's beginning that are looked at; colour profiles and previews may come before the size."""

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKERS_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_ORIENTATION_TAG = 0x0112
_TURNED = range(5, 9)  # orientations that exchange width and height

Size = tuple[int, int]


def image_size(header: bytes) -> Size | None:
    """Width and height in pixels; None when the beginning does not tell."""
    try:
        if header.startswith(b"\x89PNG\r\n\x1a\n") and header[12:16] == b"IHDR":
            return None if b"eXIf" in header else _positive(*struct.unpack(">II", header[16:24]))
        if header.startswith((b"GIF87a", b"GIF89a")):
            return _positive(*struct.unpack("<HH", header[6:10]))
        if header.startswith(b"RIFF") and header[8:12] == b"WEBP":
            return _webp(header)
        if header.startswith(b"\xff\xd8\xff"):
            return _jpeg(header)
    except (struct.error, IndexError):
        pass  # it ends too early
    return None


def _positive(width: int, height: int) -> Size | None:
    return (width, height) if width > 0 and height > 0 else None


def _webp(header: bytes) -> Size | None:
    """RFC 9649: a lossy, a lossless or an extended file."""
    kind = header[12:16]
    if kind == b"VP8 " and header[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", header[26:30])
        return _positive(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and header[20] == 0x2F:
        (bits,) = struct.unpack("<I", header[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    has_exif = 0x08
    if kind == b"VP8X" and not header[20] & has_exif:
        return int.from_bytes(header[24:27], "little") + 1, int.from_bytes(header[27:30], "little") + 1
    return None


def _jpeg(header: bytes) -> Size | None:
    """ITU-T T.81, B.1.1: segments, each with its length, up to the frame's."""
    at, turned = 2, False
    while True:
        if header[at] != 0xFF:
            return None
        marker = header[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _MARKERS_WITHOUT_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack(">H", header[at + 2 : at + 4])
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", header[at + 5 : at + 9])
            return _positive(height, width) if turned else _positive(width, height)
        if marker == 0xE1 and header[at + 4 : at + 10] == b"Exif\0\0":
            turned = _exif_orientation(header[at + 10 : at + 2 + length]) in _TURNED
        at += 2 + length


def _exif_orientation(tiff: bytes) -> int:
    """The orientation in the first directory of Exif's TIFF structure; 1 when there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack(f"{order}I", tiff[4:8])
        (count,) = struct.unpack(f"{order}H", tiff[directory : directory + 2])
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _kind, _count, value = struct.unpack(f"{order}HHIH", tiff[entry : entry + 10])
            if tag == _ORIENTATION_TAG:
                return int(value)
    except struct.error:
        pass  # broken Exif turns nothing
    return 1
