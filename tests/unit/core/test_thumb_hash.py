"""ThumbHash: what the published implementation makes of the same pixels, and what nobody can break."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.raster import Raster, data_url, png
from filesync_web.core.thumb_hash import (
    MAX_BYTES,
    aspect_ratio,
    average_colour,
    decode,
    encode,
    is_thumb_hash,
)
from filesync_web.errors import InvalidArgumentError

Pixel = Callable[[int, int], tuple[int, ...]]


def picture(width: int, height: int, pixel: Pixel) -> Raster:
    values = [value & 255 for y in range(height) for x in range(width) for value in pixel(x, y)]
    return Raster(width, height, bytes(values))


def flat(width: int, height: int, *colour: int) -> Raster:
    return picture(width, height, lambda _x, _y: colour)


def waves(x: int, y: int) -> tuple[int, ...]:
    return (x * x + y, y * y + 3 * x, x * y, 255)


def gradient(x: int, y: int) -> tuple[int, ...]:
    return (x * 8, y * 10, 255 - x * 8, 255)


def veil(x: int, y: int) -> tuple[int, ...]:
    return (x * 16, 128, y * 16, (x + y) * 8)


# Made with thumbhash 0.1.1, the JavaScript implementation of the algorithm's author.
MADE_BY_ITS_AUTHOR = [
    (picture(20, 32, waves), "WNgJFAwwGIdIiJR3iJetjw3CyA=="),
    (flat(5, 5, 0, 0, 0, 255), "AAgCBwAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    (flat(8, 4, 9, 9, 9, 0), "AAiCA4AAAAAAAAAAAAAAAAAAAAAAAAA="),
    (flat(1, 1, 200, 100, 50, 255), "Hcs6zzII9wiIh4hwj3CI+AiIgIAICIgA"),
]
# In these some factors are exactly between two values, where the order of a sum decides.
NEARLY = [
    (picture(32, 24, gradient), "nhcKnZp4eIiAiIiIiHiIh3CFB/eI"),
    (picture(16, 16, veil), "4heGNQonoIewh3p4iJN/BYqJcHeAeId4eA=="),
]
DECODED_BY_ITS_AUTHOR = [
    ("WNgJFAwwGIdIiJR3iJetjw3CyA==", (18, 32), [4, 52, 0, 255, 9, 50, 0, 255], 315153),
    ("nhcKnZp4eIiAiIiIiHiIh3CFB/eI", (32, 23), [33, 12, 255, 255, 31, 9, 255, 255], 457242),
    ("4heGNQonoIewh3p4iJN/BYqJcHeAeId4eA==", (32, 32), [124, 129, 118, 0, 124, 129, 118, 0], 543001),
    ("GVgKUZaBh4eAd3iIf4N3+Hg=", (32, 5), [134, 0, 17, 255, 134, 0, 17, 255], 89893),
]


@pytest.mark.parametrize(("raster", "expected"), MADE_BY_ITS_AUTHOR)
def test_it_makes_what_its_author_makes(raster: Raster, expected: str) -> None:
    assert b64encode(encode(raster)).decode() == expected


@pytest.mark.parametrize(("raster", "expected"), NEARLY)
def test_ties_differ_by_one_step_at_most(raster: Raster, expected: str) -> None:
    ours, theirs = encode(raster), b64decode(expected)
    assert ours[:6] == theirs[:6]
    for one, other in zip(ours, theirs, strict=True):
        assert abs(one % 16 - other % 16) <= 1
        assert abs(one // 16 - other // 16) <= 1


@pytest.mark.parametrize(("text", "size", "beginning", "total"), DECODED_BY_ITS_AUTHOR)
def test_it_reads_what_its_author_makes(
    text: str, size: tuple[int, int], beginning: list[int], total: int
) -> None:
    raster = decode(b64decode(text))
    assert (raster.width, raster.height) == size
    assert list(raster.rgba[:8]) == beginning
    assert abs(sum(raster.rgba) - total) <= 20  # of some that end on a whole number or just below


@st.composite
def rasters(draw: st.DrawFn) -> Raster:
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    size = 4 * width * height
    rgba = bytearray(draw(st.binary(min_size=size, max_size=size)))
    if draw(st.booleans()):
        rgba[3::4] = b"\xff" * (width * height)
    return Raster(width, height, bytes(rgba))


@given(rasters())
def test_every_picture_has_a_hash_that_can_be_shown(raster: Raster) -> None:
    data = encode(raster)
    assert len(data) <= MAX_BYTES
    assert is_thumb_hash(data)
    shown = decode(data)
    assert max(shown.width, shown.height) == 32
    assert len(shown.rgba) == 4 * shown.width * shown.height
    assert (aspect_ratio(data) > 1) <= (raster.width > raster.height)


@given(st.binary(max_size=40))
def test_whatever_is_taken_for_a_hash_can_be_shown(data: bytes) -> None:
    if is_thumb_hash(data):
        assert decode(data, longest=16).rgba
        assert all(0 <= value <= 255 for value in average_colour(data))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_a_picture_of_one_colour_keeps_it(red: int, green: int, blue: int) -> None:
    found = average_colour(encode(flat(8, 6, red, green, blue, 255)))
    expected = (red, green, blue, 255)
    assert all(abs(one - other) <= 9 for one, other in zip(found, expected, strict=True))


def test_light_and_dark_stay_on_their_sides() -> None:
    shown = decode(encode(picture(32, 16, lambda x, _y: (255 if x < 16 else 0,) * 3 + (255,))))
    row = shown.rgba[4 * shown.width * 8 :][: 4 * shown.width]
    assert min(row[0 : 4 * 10 : 4]) > 150
    assert max(row[4 * 22 :: 4]) < 100


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 5,
        b"\xff" * 25,
        b"\xff" * 26,
        encode(MADE_BY_ITS_AUTHOR[0][0])[:-1],
        encode(MADE_BY_ITS_AUTHOR[0][0]) + b"\0",
        b"\0\0\0\0\0" + b"\0" * 14,  # no frequencies on the shorter side: the picture would have no width
    ],
)
def test_what_is_no_hash_is_known(data: bytes) -> None:
    assert not is_thumb_hash(data)


@pytest.mark.parametrize("raster", [Raster(0, 0, b""), Raster(1, 1, b"abc"), Raster(101, 1, bytes(404))])
def test_what_has_no_hash_is_refused(raster: Raster) -> None:
    with pytest.raises(InvalidArgumentError, match="ThumbHash"):
        encode(raster)


@given(rasters())
def test_a_png_has_the_pixels(raster: Raster) -> None:
    data = png(raster)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (raster.width, raster.height)
    at, chunks = 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks[kind] = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + chunks[kind])
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    rows = zlib.decompress(chunks[b"IDAT"])
    row = 1 + 4 * raster.width
    assert b"".join(rows[at + 1 : at + row] for at in range(0, len(rows), row)) == raster.rgba
    assert set(rows[::row]) == {0}


def test_a_preview_is_a_short_url() -> None:
    url = data_url(decode(encode(picture(20, 32, waves)), longest=16))
    assert url.startswith("data:image/png;base64,iVBOR")
    assert len(url) < 1_500
