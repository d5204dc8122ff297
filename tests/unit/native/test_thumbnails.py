"""Thumbnails, previews and smaller pictures on CPython, by Pillow."""

from __future__ import annotations

import asyncio
import errno
import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

import filesync_web as fs
from filesync_web.core.thumbnails import Recipe
from filesync_web.errors import BlobNotFoundError
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.incoming import Incoming
from filesync_web.native.thumbnails import DirectoryThumbnails
from tests.harness.waiting import until
from tests.in_page.client import FILES, SCHEMA

ORIENTATION = 0x0112


def picture(
    width: int,
    height: int,
    kind: str = "PNG",
    *,
    colour: str = "red",
    orientation: int = 0,
    mode: str = "RGB",
) -> bytes:
    """A picture: its left half has that colour, the other half is blue."""
    image = Image.new(mode, (width, height), "blue")
    image.paste(Image.new(mode, (width // 2, height), colour), (0, 0))
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    data = io.BytesIO()
    image.save(data, kind, exif=exif)
    return data.getvalue()


class Store:
    """Blobs and the thumbnails of these."""

    def __init__(self, root: Path) -> None:
        self.blobs = DirectoryBlobStore(root, "s")
        self.thumbnails = DirectoryThumbnails(root, "s")

    async def shown(self, data: bytes, recipe: Recipe) -> Image.Image | None:
        """The thumbnail of a picture."""
        info = await self.blobs.put(data)
        if not await self.thumbnails.make(info.content_hash, recipe, mime_type="image/x"):
            return None
        url = await self.thumbnails.find(recipe.name_for(info.content_hash))
        assert url is not None
        with Image.open(unquote(urlsplit(url).path)) as image:
            image.load()
            return image


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize(
    ("size", "recipe", "expected"),
    [
        ((800, 400), Recipe(256), (256, 128)),
        ((100, 600), Recipe(256, "jpeg"), (43, 256)),
        ((20, 10), Recipe(256, "png"), (20, 10)),
        ((800, 400), Recipe(100, fit="cover"), (100, 100)),
        ((5000, 1), Recipe(64), (64, 1)),
    ],
)
async def test_a_thumbnail_has_its_recipes_size_and_format(
    store: Store, size: tuple[int, int], recipe: Recipe, expected: tuple[int, int]
) -> None:
    image = await store.shown(picture(*size), recipe)
    assert image is not None
    assert (image.size, image.format) == (expected, recipe.format.upper())


async def test_a_photograph_is_the_right_way_up(store: Store) -> None:
    image = await store.shown(picture(600, 400, "JPEG", orientation=6), Recipe(256, "png"))
    assert image is not None
    assert image.size == (171, 256)
    top, bottom = (image.convert("RGB").getpixel((85, y)) for y in (5, 250))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert (top[0] > 200, bottom[2] > 200) == (True, True)


async def test_what_is_clear_is_white_in_a_jpeg(store: Store) -> None:
    clear = picture(100, 100, mode="RGBA", colour="#0000")
    image = await store.shown(clear, Recipe(64, "jpeg"))
    assert image is not None
    assert image.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data", [b"no picture", b"<svg/>", picture(9, 9)[:60]], ids=["text", "drawing", "broken"]
)
async def test_what_cannot_be_decoded_has_none(store: Store, data: bytes) -> None:
    assert await store.shown(data, Recipe()) is None


async def test_what_would_take_too_much_memory_has_none(store: Store) -> None:
    data = io.BytesIO()
    Image.new("1", (9000, 9000)).save(data, "PNG")
    assert await store.shown(data.getvalue(), Recipe()) is None


async def test_bytes_that_are_not_here_are_missed(store: Store) -> None:
    with pytest.raises(BlobNotFoundError):
        await store.thumbnails.make("0" * 64, Recipe(), mime_type="image/png")


async def test_thumbnails_are_listed_removed_and_made_again(store: Store) -> None:
    assert await store.thumbnails.sizes() == {}
    first = await store.shown(picture(400, 200), Recipe())
    assert first is not None
    ((name, size),) = (await store.thumbnails.sizes()).items()
    assert size > 20
    await store.thumbnails.remove([name, "nobody"])
    assert await store.thumbnails.find(name) is None
    assert await store.thumbnails.raster(name, longest=32) is None
    assert await store.shown(picture(400, 200), Recipe()) is not None
    raster = await store.thumbnails.raster(name, longest=32)
    assert raster is not None
    assert (raster.width, raster.height, len(raster.rgba)) == (32, 16, 2048)


async def test_what_another_process_is_writing_is_not_left_over(store: Store) -> None:
    assert await store.shown(picture(400, 200), Recipe()) is not None
    (name,) = await store.thumbnails.sizes()
    url = await store.thumbnails.find(name)
    folder = Path(unquote(urlsplit(url or "").path)).parent
    written = Incoming(folder / ".written")
    written.append(b"the beginning")
    (folder / ".left").write_bytes(b"of a process that died")
    assert set(await store.thumbnails.sizes()) == {name, ".left"}
    written.discard()
    assert set(await store.thumbnails.sizes()) == {name, ".left"}


async def test_without_room_a_thumbnail_lasts_as_long_as_the_store_is_open(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = await store.blobs.put(picture(400, 200))

    def no_room(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Incoming, "append", no_room)
    assert await store.thumbnails.make(info.content_hash, Recipe(), mime_type="image/png")
    url = await store.thumbnails.find(Recipe().name_for(info.content_hash))
    assert url is not None
    assert url.startswith("data:image/webp;base64,")
    assert await store.thumbnails.sizes() == {}


async def test_thumbnails_and_previews_of_saved_files(tmp_path: Path) -> None:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path)
    sync = await fs.create_file_sync(store, remote=None)
    try:
        file = await sync.save_file(picture(400, 200), name="a.png")
        urls = await asyncio.gather(*(sync.thumbnail_url(file.file_id) for _ in range(3)))
        assert len(set(urls)) == 1
        assert urls[0] is not None
        assert urls[0].startswith("file:///")

        def metadata() -> fs.FileMetadata:
            return fs.get_file_metadata(store.query(FILES.tables.files.where(id=file.file_id))[0])

        await until(lambda: metadata().preview is not None, "the preview is there")
        assert fs.preview_data_url(metadata()) is not None
        assert ((await sync.storage_status()).thumbnails or 0) > 20
    finally:
        await sync.dispose()
        await store.close()


# --- saving pictures smaller


async def saved(tmp_path: Path, source: Any, **settings: Any) -> tuple[fs.FileMetadata, bytes]:
    """What is recorded of a source that is saved through the preprocessor, and the bytes."""
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path / "data")
    preprocessors = {"image/*": fs.image_preprocessor(**settings)}
    sync = await fs.create_file_sync(
        store, remote=None, preprocessors=preprocessors, thumbnails=fs.ThumbnailOptions(previews=False)
    )
    try:
        file = await sync.save_file(source, name="a.png", mime_type="image/png")
        record = store.query(FILES.tables.files.where(id=file.file_id))[0]
        return fs.get_file_metadata(record), (await sync.read_file(file.file_id)).read_bytes()
    finally:
        await sync.dispose()
        await store.close()


async def test_a_large_picture_is_saved_smaller(tmp_path: Path) -> None:
    metadata, data = await saved(tmp_path, picture(3000, 1500), max_dimension=1000)
    assert (metadata.width, metadata.height) == (1000, 500)
    assert (metadata.mime_type, metadata.name) == ("image/webp", "a.png")
    assert Image.open(io.BytesIO(data)).format == "WEBP"


async def test_a_path_is_saved_smaller_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(600, 400, "JPEG", orientation=6))
    metadata, _data = await saved(tmp_path, path, max_dimension=300, format="image/jpeg")
    assert (metadata.width, metadata.height, metadata.mime_type) == (200, 300, "image/jpeg")


async def test_what_is_processed_already_is_left_alone(tmp_path: Path) -> None:
    _metadata, once = await saved(tmp_path, picture(3000, 1500), max_dimension=1000)
    _metadata, twice = await saved(tmp_path, once, max_dimension=1000)
    assert twice == once


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (400, 400), colour) for colour in ("red", "blue")]
    data = io.BytesIO()
    frames[0].save(data, kind, save_all=True, append_images=frames[1:])
    return data.getvalue()


@pytest.mark.parametrize(
    "original",
    [
        moving("GIF"),
        moving("PNG"),
        moving("WEBP"),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        picture(3000, 1500)[:100],
        b"",
    ],
    ids=["gif", "apng", "webp", "svg", "broken", "empty"],
)
async def test_what_would_lose_by_it_or_fails_is_saved_as_it_is(tmp_path: Path, original: bytes) -> None:
    _metadata, data = await saved(tmp_path, original, max_dimension=100)
    assert data == original


async def test_a_picture_that_fits_is_changed_only_to_become_smaller(tmp_path: Path) -> None:
    tiny = picture(2, 2, "GIF")
    _metadata, data = await saved(tmp_path, tiny, format="image/png")
    assert data == tiny
    noise = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(noise, "PNG")
    metadata, data = await saved(tmp_path, noise.getvalue(), quality=0.5)
    assert len(data) < len(noise.getvalue())
    assert (metadata.width, metadata.mime_type) == (300, "image/webp")


async def test_a_stream_is_saved_as_it_is(tmp_path: Path) -> None:
    original = picture(3000, 1500)
    _metadata, data = await saved(tmp_path, iter([original]), max_dimension=100)
    assert data == original


@pytest.mark.parametrize("wrong", [{"max_dimension": 0}, {"format": "image/gif"}, {"quality": 85}])
def test_a_preprocessor_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(fs.InvalidArgumentError):
        fs.image_preprocessor(**wrong)
