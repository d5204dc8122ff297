"""Thumbnails: which are made of a picture, and what they are called.

A *recipe* says how a thumbnail is made. It has a canonical text, and a name follows from the picture's
content and that text alone: whoever makes the same thumbnail anywhere gives it the same name, and one that
was made by another recipe, or by another version of these rules, is never taken for it.

    <SHA-256 of the picture>-<first 16 hex digits of the SHA-256 of the recipe's text>.<format>
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import essence
from filesync_web.errors import InvalidArgumentError

THUMBNAILS_ROOT = "livestore-filesync-thumbnails"

Format = Literal["webp", "jpeg", "png"]
Fit = Literal["contain", "cover"]

MIN_SIZE, MAX_SIZE = 16, 8192
"""Pixels of a thumbnail's longest side."""

MAX_PIXELS = 64 << 20
"""Most pixels of a picture that is decoded: they take four bytes each while that goes on."""
MAX_BYTES = 64 << 20
"""Most bytes of a picture that is decoded."""
MAX_BYTES_UNMEASURED = 16 << 20
"""The same for one whose header does not tell its size in pixels."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a thumbnail is made. Raises `InvalidArgumentError` for what cannot be.

    `size`: pixels of its longest side; a smaller picture is not enlarged. `fit`: "contain" shows the whole
    picture, "cover" the square in its middle. `quality` from 0 to 1 is for "webp" and "jpeg".
    """

    size: int = 256
    format: Format = "webp"
    quality: float = 0.8
    fit: Fit = "contain"

    def __post_init__(self) -> None:
        check_size(self.size)
        _check_choice("format", self.format, get_args(Format))
        _check_choice("fit", self.fit, get_args(Fit))
        _check_quality(self.quality)

    @property
    def text(self) -> str:
        """What the name is made of; equal for equal recipes, and for no others that could look different."""
        quality = "" if self.format == "png" else f";quality={round(100 * self.quality)}"
        return f"v1;size={self.size};fit={self.fit};format={self.format}{quality}"

    @property
    def mime_type(self) -> str:
        """The type of the thumbnails."""
        return f"image/{self.format}"

    def name_for(self, content_hash: str) -> str:
        """The name of the thumbnail of that content."""
        return f"{content_hash}-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}.{self.format}"


def content_of(name: str) -> str:
    """The content that the thumbnail of that name was made of."""
    return name.partition("-")[0]


def type_of(name: str) -> str:
    """The MIME type of the thumbnail of that name."""
    return f"image/{name.rpartition('.')[2]}"


@dataclass(frozen=True, slots=True)
class ThumbnailOptions:
    """Which thumbnails there are, for `init_file_sync(thumbnails=...)`. Raises `InvalidArgumentError`.

    `sizes`: pixels of the longest side; who asks for another size gets the next larger one of these, else the
    largest. Few sizes are few files, that are made once each. `format`, `quality`, `fit`: as in a `Recipe`.
    `previews`: a blur of 25 bytes is made of each picture that is saved here, and goes to all clients with
    the file's metadata.
    """

    sizes: tuple[int, ...] = (128, 256, 512, 1024)
    format: Format = "webp"
    quality: float = 0.8
    fit: Fit = "contain"
    previews: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple | list) or not self.sizes:
            raise InvalidArgumentError(f"sizes are some numbers of pixels, not {self.sizes!r:.100}")
        for size in self.sizes:
            self._recipe(size)

    def recipe(self, wanted: float) -> Recipe:
        """The recipe of the thumbnails that are shown at that size, in pixels."""
        if not isinstance(wanted, int | float) or not wanted > 0:
            raise InvalidArgumentError(f"size is a number of pixels above 0, not {wanted!r:.100}")
        fitting = [size for size in self.sizes if size >= wanted]
        return self._recipe(min(fitting) if fitting else max(self.sizes))

    def _recipe(self, size: int) -> Recipe:
        return Recipe(size, self.format, self.quality, self.fit)


def has_thumbnail(mime_type: str) -> bool:
    """Whether it is worth trying to make a thumbnail of that type."""
    return essence(mime_type).startswith(("image/", "video/"))


def is_too_large(size_bytes: int, pixels: tuple[int, int] | None) -> bool:
    """Whether a picture is not decoded. `pixels`: width and height, None when the header does not tell."""
    if pixels is None:
        return size_bytes > MAX_BYTES_UNMEASURED
    return size_bytes > MAX_BYTES or pixels[0] * pixels[1] > MAX_PIXELS


def layout_of(
    size: tuple[int, int], recipe: Recipe, *, enlarge: bool = False
) -> tuple[tuple[float, float, float, float], tuple[int, int]]:
    """What of a picture is drawn (left, top, width and height), and how large the thumbnail is; the same as
    `layoutOf` in `browser/thumbnails.js`. Only what has no pixels of its own is drawn larger than it is."""
    width, height = size
    wide, high = (min(size), min(size)) if recipe.fit == "cover" else size
    scale = recipe.size / max(wide, high)
    if not enlarge:
        scale = min(1, scale)
    source = ((width - wide) / 2, (height - high) / 2, wide, high)
    return source, (max(1, round(wide * scale)), max(1, round(high * scale)))


def check_size(size: object) -> None:
    """Raise `InvalidArgumentError` unless a thumbnail can have that size."""
    if not isinstance(size, int) or isinstance(size, bool) or not MIN_SIZE <= size <= MAX_SIZE:
        raise InvalidArgumentError(
            f"size is a whole number of pixels from {MIN_SIZE} to {MAX_SIZE}, not {size!r:.100}"
        )


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidArgumentError(f"{name} is one of {', '.join(choices)}, not {value!r:.100}")


def _check_quality(quality: object) -> None:
    if not isinstance(quality, int | float) or not 0 <= quality <= 1:
        raise InvalidArgumentError(f"quality is a number from 0 to 1, not {quality!r:.100}")
