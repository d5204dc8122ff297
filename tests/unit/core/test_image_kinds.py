"""Images by their first bytes: which kind, and whether they move."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.image_kinds import claimed_size, image_type, is_animated

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(17)
IDAT = struct.pack(">I", 4) + b"IDAT" + bytes(8)
ACTL = struct.pack(">I", 8) + b"acTL" + bytes(12)

SCREEN = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes(6)
PICTURE = b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 4, 0x80) + bytes(6) + b"\x02\x03abc\x01d\x00"
CONTROL = b"\x21\xf9\x04\x00\x00\x00\x00\x00"


def webp(flags: int) -> bytes:
    return b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([flags]) + bytes(9)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (PNG, "image/png"),
        (SCREEN, "image/gif"),
        (webp(0), "image/webp"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<svg>", None),
        (b"", None),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(header: bytes, kind: str | None) -> None:
    assert image_type(header) == kind


@pytest.mark.parametrize(
    ("header", "moves"),
    [
        (PNG + IDAT, False),
        (PNG + ACTL + IDAT, True),
        (PNG + IDAT + ACTL, False),
        (webp(0x10), False),
        (webp(0x12), True),
        (SCREEN + PICTURE + b"\x3b", False),
        (SCREEN + CONTROL + PICTURE + b"\x3b", False),
        (SCREEN + PICTURE + CONTROL + PICTURE + b"\x3b", True),
        (SCREEN + PICTURE[:-4], True),
        (b"\0\0\0\x1cftypavis", True),
        (b"\0\0\0\x1cftypavif", False),
        (b"\xff\xd8\xff\xe0", False),
    ],
)
def test_what_moves_is_known(header: bytes, moves: bool) -> None:
    assert is_animated(header) is moves


def ispe(width: int, height: int) -> bytes:
    return struct.pack(">I4sIII", 20, b"ispe", 0, width, height)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"\0\0\0\x1cftypavif" + ispe(40, 30) + ispe(50_000, 40_000), (50_000, 40_000)),
        (b"\0\0\0\x1cftypheic" + ispe(40, 30)[:-1], None),
        (b"BM" + bytes(16) + struct.pack("<ii", 640, -480), (640, 480)),
        (b"BM", None),
        (PNG, None),
    ],
)
def test_what_a_header_claims_is_known(header: bytes, size: tuple[int, int] | None) -> None:
    assert claimed_size(header) == size


@given(st.sampled_from([b"", PNG, SCREEN, webp(0), b"RIFF\0\0\0\0WEBPVP8X"]), st.binary(max_size=300))
def test_no_bytes_are_too_broken_to_look_at(beginning: bytes, rest: bytes) -> None:
    assert is_animated(beginning + rest) in (True, False)
    claimed_size(beginning + rest)
