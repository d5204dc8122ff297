"""The preprocessor that saves photographs smaller than cameras make them."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from filesync_web.core.image_kinds import claimed_size, image_type, is_animated
from filesync_web.core.image_size import image_size
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.thumbnails import Recipe, is_too_large
from filesync_web.environment import picture_shrinker
from filesync_web.errors import FileSyncError, InvalidArgumentError
from filesync_web.files.preprocess import Preprocessed, Preprocessor
from filesync_web.ports import PictureShrinker, Source

logger = logging.getLogger(__name__)

ImageType = Literal["image/webp", "image/jpeg", "image/png"]

MAX_CONCURRENT = 2
"""Pictures that are shrunk at a time: each is decoded as a whole."""


def image_preprocessor(
    *,
    max_dimension: int = 2048,
    format: ImageType = "image/webp",  # noqa: A002 - nothing here formats anything else
    quality: float = 0.85,
) -> Preprocessor:
    """A preprocessor that saves images no larger than needed: shrunk and in a compact format.

        await init_file_sync(store, remote=..., preprocessors={"image/*": image_preprocessor()})

    It works beside the page's thread, before a file is hashed and stored. The original is saved as it is when
    nothing is to be gained or something would be lost: when it fits and has the format, when it fits and
    would become no smaller, when it is a drawing (SVG) or moves (GIF, APNG, WebP), when it is a stream or an
    iterator, which can be read once only, when it cannot be decoded here or would take too much memory, and
    on CPython without Pillow (the extra `images`). A failure never prevents a save.

    Exif and other metadata of the image are not kept, but its orientation is: it is turned. The file keeps
    its name, also when that ends in another format's letters; its MIME type is the new one.

    Args:
        max_dimension: pixels of the longest side; smaller images are not enlarged. From 16 to 8192.
        format: "image/webp", "image/jpeg" (what is transparent becomes white) or "image/png".
        quality: from 0 to 1, for WebP and JPEG.

    Returns:
        The preprocessor, for one MIME pattern or several.

    Raises:
        InvalidArgumentError: an argument is none of these.
    """
    name = format.removeprefix("image/") if isinstance(format, str) else ""
    if format not in ("image/webp", "image/jpeg", "image/png"):
        raise InvalidArgumentError(f"format is image/webp, image/jpeg or image/png, not {format!r:.100}")
    recipe = Recipe(max_dimension, name, quality)  # type: ignore[arg-type]
    shrinker = picture_shrinker()
    slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def preprocess(source: Source) -> Source | Preprocessed:
        if shrinker is None:
            return source
        try:
            async with slots:
                return await _processed(shrinker, source, recipe)
        except (FileSyncError, OSError) as error:
            logger.warning("an image is saved as it is, since it could not be shrunk: %s", error)
            return source

    return preprocess


async def _processed(shrinker: PictureShrinker, source: Source, recipe: Recipe) -> Source | Preprocessed:
    """What is to be saved in place of a source."""
    header = await shrinker.header(source)
    if header is None or is_animated(header):
        return source
    pixels, size = image_size(header), shrinker.size(source)
    fits = pixels is not None and max(pixels) <= recipe.size
    if is_too_large(size, pixels or claimed_size(header)) or (
        fits and image_type(header) == recipe.mime_type
    ):
        return source
    shrunk = await shrinker.shrink(source, recipe, pixels)
    if shrunk is None or (fits and shrinker.size(shrunk) >= size):
        return source
    made = image_type(await shrinker.header(shrunk) or b"")  # not every browser can write each format
    return Preprocessed(shrunk, FileMetadata(made))
