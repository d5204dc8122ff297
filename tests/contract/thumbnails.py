"""What keeps thumbnails must do. A test class gives `blobs` and the `thumbnails` that are made of these."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.core.raster import Raster, png
from filesync_web.core.thumbnails import Recipe
from filesync_web.errors import BlobNotFoundError
from filesync_web.ports import BlobStore, ThumbnailStore

GREY = 0x89  # the first byte of a PNG: a fake that looks no further finds the right colour
RECIPE = Recipe(64)


def picture(width: int = 40, height: int = 40) -> bytes:
    return png(Raster(width, height, bytes([GREY, GREY, GREY, 255]) * (width * height)))


class ThumbnailsContract:
    """Making, finding and removing."""

    async def test_what_is_made_is_found(self, blobs: BlobStore, thumbnails: ThumbnailStore) -> None:
        content = (await blobs.put(picture())).content_hash
        name = RECIPE.name_for(content)
        assert await thumbnails.find(name) is None
        assert await thumbnails.sizes() == {}
        assert await thumbnails.make(content, RECIPE, mime_type="image/png")
        url = await thumbnails.find(name)
        assert url
        assert await thumbnails.find(name) == url, "one for each name"
        sizes = await thumbnails.sizes()
        assert list(sizes) == [name]
        assert sizes[name] > 0
        assert list(await blobs.list()) == [content], "it is no blob"

    async def test_its_pixels_are_the_pictures(self, blobs: BlobStore, thumbnails: ThumbnailStore) -> None:
        content = (await blobs.put(picture())).content_hash
        assert await thumbnails.make(content, RECIPE, mime_type="image/png")
        raster = await thumbnails.raster(RECIPE.name_for(content), longest=16)
        assert raster is not None
        assert (raster.width, raster.height, len(raster.rgba)) == (16, 16, 1024)
        assert all(abs(value - GREY) <= 4 for value in raster.rgba[:3])
        assert raster.rgba[3] == 255

    async def test_it_is_made_once(self, blobs: BlobStore, thumbnails: ThumbnailStore) -> None:
        content = (await blobs.put(picture(300, 200))).content_hash
        makings = (thumbnails.make(content, RECIPE, mime_type="image/png") for _ in range(3))
        assert await asyncio.gather(*makings) == [True] * 3
        assert list(await thumbnails.sizes()) == [RECIPE.name_for(content)]
        url = await thumbnails.find(RECIPE.name_for(content))
        assert await thumbnails.make(content, RECIPE, mime_type="image/png")
        assert await thumbnails.find(RECIPE.name_for(content)) == url

    @pytest.mark.parametrize("mime_type", ["image/png", "image/x-unknown"])
    async def test_what_is_no_picture_has_none(
        self, blobs: BlobStore, thumbnails: ThumbnailStore, mime_type: str
    ) -> None:
        content = (await blobs.put(b"broken")).content_hash
        assert not await thumbnails.make(content, RECIPE, mime_type=mime_type)
        assert await thumbnails.find(RECIPE.name_for(content)) is None
        assert await thumbnails.raster(RECIPE.name_for(content), longest=16) is None
        assert await thumbnails.sizes() == {}

    async def test_bytes_that_are_not_here_are_missed(self, thumbnails: ThumbnailStore) -> None:
        with pytest.raises(BlobNotFoundError):
            await thumbnails.make("0" * 64, RECIPE, mime_type="image/png")

    async def test_what_is_removed_is_made_again(self, blobs: BlobStore, thumbnails: ThumbnailStore) -> None:
        content = (await blobs.put(picture())).content_hash
        other, name = Recipe(32), RECIPE.name_for(content)
        for recipe in (RECIPE, other):
            assert await thumbnails.make(content, recipe, mime_type="image/png")
        await thumbnails.remove([name, "nobody"])
        assert list(await thumbnails.sizes()) == [other.name_for(content)]
        assert await thumbnails.find(name) is None
        assert await thumbnails.raster(name, longest=16) is None
        assert await thumbnails.make(content, RECIPE, mime_type="image/png")
        assert await thumbnails.find(name)
