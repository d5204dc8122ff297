"""The size in the header of an image. The browser's tests compare it with what the browser decodes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.image_size import image_size


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)


def jpeg(width: int, height: int, *segments: bytes, frame: int = 0xC0) -> bytes:
    size = struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3)
    return b"\xff\xd8" + b"".join(segments) + size + bytes(9) + b"\xff\xda"


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def exif(orientation: int, order: str) -> bytes:
    entries = struct.pack(f"{order}HHHIHH", 2, 0x0100, 3, 1, 7, 0)
    entries += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    mark = {"<": b"II", ">": b"MM"}[order]
    return segment(0xE1, b"Exif\0\0" + mark + struct.pack(f"{order}HI", 42, 8) + entries)


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(data) + 12) + b"WEBP" + kind + struct.pack("<I", len(data)) + data


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (png(3, 2), (3, 2)),
        (png(70_000, 1), (70_000, 1)),
        (b"GIF89a" + struct.pack("<HH", 320, 200), (320, 200)),
        (jpeg(640, 480), (640, 480)),
        (jpeg(640, 480, frame=0xC2), (640, 480)),
        (
            jpeg(640, 480, segment(0xE0, bytes(14)), segment(0xDB, bytes(65)), segment(0xC4, bytes(30))),
            (640, 480),
        ),
        (jpeg(640, 480, b"\xff\xff\xff" + segment(0xFE, b"comment")[1:]), (640, 480)),
        (jpeg(640, 480, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0")), (640, 480)),
        (webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 100 | 0x4000, 50)), (100, 50)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 99 | 49 << 14)), (100, 50)),
        (webp(b"VP8X", bytes(4) + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")), (100, 50)),
    ],
)
def test_the_size_is_in_the_header(header: bytes, expected: tuple[int, int]) -> None:
    assert image_size(header) == expected


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_that_turns_exchanges_width_and_height(order: str, orientation: int) -> None:
    expected = (480, 640) if orientation >= 5 else (640, 480)
    assert image_size(jpeg(640, 480, exif(orientation, order))) == expected


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"no image at all",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>",
        png(0, 5),
        png(3, 2)[:20],
        png(3, 2) + struct.pack(">I", 8) + b"eXIf",
        jpeg(640, 480)[:10],
        jpeg(640, 480, b"garbage"),
        webp(b"VP8X", b"\x08" + bytes(9)),
        webp(b"ANIM", bytes(20)),
    ],
)
def test_what_the_header_does_not_tell_is_left_to_a_decoder(header: bytes) -> None:
    assert image_size(header) is None


STARTS = (
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    b"GIF89a",
    b"RIFF\0\0\0\0WEBPVP8",
    b"\xff\xd8\xff\xe1",
)


@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_no_file_breaks_it(start: bytes, rest: bytes) -> None:
    size = image_size(start + rest)
    assert size is None or min(size) > 0
