"""What kind of image a file is by its beginning, whatever its name or type says, and whether it moves."""

from __future__ import annotations

import struct


def image_type(header: bytes) -> str | None:
    """The MIME type of a PNG, GIF, WebP or JPEG; None for anything else."""
    if header.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if header.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if header.startswith(b"RIFF") and header[8:12] == b"WEBP":
        return "image/webp"
    return "image/jpeg" if header.startswith(b"\xff\xd8\xff") else None


def claimed_size(header: bytes) -> tuple[int, int] | None:
    """Width and height that the header of an AVIF, HEIC or BMP claims, the largest of several; not for
    showing, since how it is turned is left aside. None for other files."""
    if header[4:8] == b"ftyp":
        # Each picture in the file has a box `ispe`: size and name, version and flags, width and height.
        boxes = (header[at + 8 : at + 16] for at in _places(header, b"ispe"))
        sizes = [struct.unpack(">II", box) for box in boxes if len(box) == 8]
        return max(sizes, key=lambda size: size[0] * size[1], default=None)
    if header.startswith(b"BM") and len(header) >= 26:
        width, height = struct.unpack("<ii", header[18:26])
        return abs(width), abs(height)
    return None


def _places(data: bytes, wanted: bytes) -> list[int]:
    places, at = [], data.find(wanted)
    while at >= 0:
        places.append(at)
        at = data.find(wanted, at + 1)
    return places


def is_animated(header: bytes) -> bool:
    """Whether it has more than one picture. A GIF whose first picture does not end here may, and counts as
    one that does."""
    kind = image_type(header)
    if kind == "image/png":  # the chunk that says so comes before the pixels
        return 0 <= header.find(b"acTL") < (header.find(b"IDAT") if b"IDAT" in header else len(header))
    if kind == "image/webp":
        has_animation = 0x02
        return header[12:16] == b"VP8X" and bool(header[20:21]) and bool(header[20] & has_animation)
    if kind == "image/gif":
        return _gif_moves(header)
    return header[4:12] == b"ftypavis"


def _gif_moves(header: bytes) -> bool:
    """GIF89a: a screen, then blocks until the trailer, of which some are pictures."""
    try:
        at, pictures = 13 + _colours(header[10]), 0
        while header[at] != 0x3B:
            if header[at] == 0x2C:
                pictures += 1
                if pictures > 1:
                    return True
                at += 11 + _colours(header[at + 9])
            else:
                at += 2
            while header[at]:  # each piece of a block begins with its length, and the last has none
                at += 1 + header[at]
            at += 1
    except IndexError:
        return True
    return False


def _colours(packed: int) -> int:
    """Bytes of the table of colours that follows."""
    return 3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0
