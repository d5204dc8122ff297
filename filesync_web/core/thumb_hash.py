"""ThumbHash: a picture in 5 to 25 bytes, as a blur to show while the picture itself is still to come.

It is the algorithm that Evan Wallace has published at https://evanw.github.io/thumbhash and given to the
public domain; hashes of ours are read by its other implementations, and theirs by ours.

A picture is split into *channels*: lightness L, yellow to blue P, red to green Q, and alpha A where it is
not opaque. Of each the lowest frequencies of its discrete cosine transform are kept: the *constant* (its
mean), and the others as four bits each, next to the *scale* that they are multiples of. L has up to seven
frequencies in each direction (five beside A), fewer along the shorter side, so that their numbers tell the
shape; A has five, P and Q have three.

Layout, lowest bit first: L constant 6, P constant 6, Q constant 6, L scale 5, has alpha 1, frequencies along
the shorter side 3, P scale 6, Q scale 6, is landscape 1, then with alpha its constant 4 and scale 4, then all
other factors, 4 bits each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, starmap
from math import cos, floor, pi
from operator import mul

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.raster import Raster
from filesync_web.errors import InvalidArgumentError

MAX_BYTES = 25
MAX_SIDE = 100
"""Pixels of the longest side of a picture that is encoded: more take long and change nothing."""

_NOISE = 1e-9  # what the rounding of sums leaves where there is nothing
_SATURATION = 1.25  # makes up for what quantizing takes from the colours

Plane = list[list[float]]
"""One channel of a picture: rows of values."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a hash says of its picture's form; `short`: how many frequencies L has along the shorter side."""

    has_alpha: bool
    is_landscape: bool
    short: int

    @property
    def frequencies(self) -> tuple[int, int]:
        """Those of L, across and down."""
        long = 5 if self.has_alpha else 7
        return (long, self.short) if self.is_landscape else (self.short, long)

    @property
    def grids(self) -> list[tuple[int, int]]:
        """How many frequencies each channel keeps, across and down."""
        across, down = self.frequencies
        grids = [(max(3, across), max(3, down)), (3, 3), (3, 3)]
        return [*grids, (5, 5)] if self.has_alpha else grids

    @property
    def start(self) -> int:
        """The byte at which the factors begin."""
        return 6 if self.has_alpha else 5

    @property
    def size(self) -> int:
        """Bytes of the whole hash."""
        factors = sum(len(list(_factors_of(*grid))) for grid in self.grids)
        return self.start + (factors + 1) // 2


# --- encoding -----------------------------------------------------------------------------------------------


def encode(raster: Raster) -> bytes:
    """The hash of a small picture. Raises `InvalidArgumentError` for one with a side of more than `MAX_SIDE`
    pixels or of none, or with another number of bytes than its sides say."""
    width, height, longest = raster.width, raster.height, max(raster.width, raster.height)
    if not (min(width, height) > 0 and longest <= MAX_SIDE and len(raster.rgba) == 4 * width * height):
        raise InvalidArgumentError(
            f"a picture of {width} by {height} pixels in {len(raster.rgba)} bytes has no ThumbHash"
        )
    has_alpha = any(alpha != 255 for alpha in raster.rgba[3::4])
    short = max(1, _rounded((5 if has_alpha else 7) * min(width, height) / longest))
    shape = _Shape(has_alpha, width > height, short)
    found = [_transformed(plane, grid) for plane, grid in zip(_planes(raster), shape.grids, strict=False)]
    constants, scales, factors = zip(*found, strict=True)
    head = _packed(
        (_rounded(63 * constants[0]), 6),
        (_rounded(31.5 + 31.5 * constants[1]), 6),
        (_rounded(31.5 + 31.5 * constants[2]), 6),
        (_rounded(31 * scales[0]), 5),
        (has_alpha, 1),
        (short, 3),
        (_rounded(63 * scales[1]), 6),
        (_rounded(63 * scales[2]), 6),
        (shape.is_landscape, 1),
    )
    if has_alpha:
        head += _packed((_rounded(15 * constants[3]), 4), (_rounded(15 * scales[3]), 4))
    return head + _packed(*((_rounded(15 * factor), 4) for factor in chain.from_iterable(factors)))


def _planes(raster: Raster) -> Iterator[Plane]:
    """The channels L, P, Q and A; what is transparent shows the picture's mean colour."""
    rgba, width = raster.rgba, raster.width
    alphas = [value / 255 for value in rgba[3::4]]
    total = sum(alphas) or 1
    red, green, blue = (_over_mean(rgba[at::4], alphas, total) for at in range(3))
    lightness = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow_blue = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    red_green = [r - g for r, g in zip(red, green, strict=True)]
    for values in (lightness, yellow_blue, red_green, alphas):
        yield [values[at : at + width] for at in range(0, len(values), width)]


def _over_mean(values: bytes, alphas: list[float], total: float) -> list[float]:
    mean = sum(map(mul, values, alphas)) / total
    return [(mean * (1 - alpha) + value * alpha) / 255 for value, alpha in zip(values, alphas, strict=True)]


def _transformed(plane: Plane, grid: tuple[int, int]) -> tuple[float, float, list[float]]:
    """Constant, scale and the other factors, from 0 to 1 with 0.5 for nothing. First along the rows, then
    down the columns of what that gives."""
    across, down = grid
    height, width = len(plane), len(plane[0])
    waves = _waves(width, across)
    columns = list(zip(*([sum(map(mul, row, wave)) for wave in waves] for row in plane), strict=True))
    waves, area = _waves(height, down), width * height
    values = [sum(map(mul, columns[x], waves[y])) / area for y, x in _factors_of(*grid)]
    scale = max(map(abs, values))
    if scale < _NOISE:
        return sum(columns[0]) / area, 0, [0] * len(values)
    factors = [0.5 + 0.5 / scale * value for value in values]
    return sum(columns[0]) / area, scale, factors


# --- decoding -----------------------------------------------------------------------------------------------


def is_thumb_hash(data: bytes) -> bool:
    """Whether these bytes are a whole ThumbHash and nothing else."""
    if not 6 <= len(data) <= MAX_BYTES:
        return False
    shape = _shape(data)
    return 1 <= shape.short <= max(shape.frequencies) and len(data) == shape.size


def decode(data: bytes, *, longest: int = 32) -> Raster:
    """The blur that a hash stands for, `longest` pixels on its longer side; for bytes for which
    `is_thumb_hash` is true."""
    shape = _shape(data)
    ratio = aspect_ratio(data)
    width = max(1, _rounded(longest * min(1, ratio)))
    height = max(1, _rounded(longest / max(1, ratio)))
    scales = (_bits(data, 18, 5) / 31, *(_SATURATION * _bits(data, at, 6) / 63 for at in (27, 33)))
    scales = (*scales, data[5] // 16 / 15)
    nibbles = chain.from_iterable((byte & 15, byte >> 4) for byte in data[shape.start :])
    planes = [
        _restored(constant, scale, nibbles, grid, (width, height))
        for constant, scale, grid in zip(_constants(data), scales, shape.grids, strict=False)
    ]
    if not shape.has_alpha:
        planes.append([[1.0] * width] * height)
    pixels = zip(*(chain.from_iterable(plane) for plane in planes), strict=True)
    return Raster(width, height, bytes(chain.from_iterable(starmap(_rgba, pixels))))


def average_colour(data: bytes) -> tuple[int, int, int, int]:
    """The picture's mean colour: red, green, blue and alpha from 0 to 255."""
    lightness, yellow_blue, red_green, alpha = _constants(data)
    red, green, blue, opacity = _rgba(lightness, yellow_blue, red_green, alpha)
    return red, green, blue, opacity


def aspect_ratio(data: bytes) -> float:
    """Roughly the picture's width by its height."""
    across, down = _shape(data).frequencies
    return across / down


def _shape(data: bytes) -> _Shape:
    return _Shape(bool(data[2] & 0x80), bool(data[4] & 0x80), data[3] & 7)


def _constants(data: bytes) -> tuple[float, float, float, float]:
    alpha = (data[5] & 15) / 15 if data[2] & 0x80 else 1.0
    colours = (_bits(data, at, 6) / 31.5 - 1 for at in (6, 12))
    return (_bits(data, 0, 6) / 63, *colours, alpha)  # type: ignore[return-value]


def _restored(
    constant: float, scale: float, nibbles: Iterator[int], grid: tuple[int, int], size: tuple[int, int]
) -> Plane:
    """One channel, of the next factors."""
    across, down = grid
    table = [[0.0] * across for _ in range(down)]
    table[0][0] = constant
    for y, x in _factors_of(*grid):
        table[y][x] = 2 * scale * (next(nibbles) / 7.5 - 1)
    columns = list(zip(*table, strict=True))
    across_waves = list(zip(*_waves(size[0], across), strict=True))
    down_waves = zip(*_waves(size[1], down), strict=True)
    rows = ([sum(map(mul, column, wave)) for column in columns] for wave in down_waves)
    return [[sum(map(mul, row, wave)) for wave in across_waves] for row in rows]


def _rgba(lightness: float, yellow_blue: float, red_green: float, alpha: float) -> list[int]:
    blue = lightness - 2 / 3 * yellow_blue
    red = (3 * lightness - blue + red_green) / 2
    values = (red, red - red_green, blue, alpha)
    return [0 if value <= 0 else 255 if value >= 1 else int(255 * value) for value in values]


# --- both ways ----------------------------------------------------------------------------------------------


@cache
def _waves(length: int, count: int) -> Sequence[Sequence[float]]:
    """The first waves of the transform, each sampled at so many pixels."""
    return [[cos(pi / length * n * (at + 0.5)) for at in range(length)] for n in range(count)]


def _factors_of(across: int, down: int) -> Iterator[tuple[int, int]]:
    """The frequencies that are kept beside the constant, down and across: a triangle of the low ones."""
    for y in range(down):
        for x in range(across):
            if (x or y) and x * down < across * (down - y):
                yield y, x


def _packed(*fields: tuple[int, int]) -> bytes:
    """Values of so many bits, one after the other, lowest bit first."""
    number = at = 0
    for value, bits in fields:
        number |= value << at
        at += bits
    return number.to_bytes((at + 7) // 8, "little")


def _bits(data: bytes, at: int, count: int) -> int:
    return int.from_bytes(data[:5], "little") >> at & (1 << count) - 1


def _rounded(value: float) -> int:
    """Half up, as JavaScript rounds."""
    return floor(value + 0.5)
