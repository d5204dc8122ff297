"""Thumbnails in a directory, made by Pillow, which is the extra `images`.

    <root>/livestore-filesync-thumbnails/<store id>/<name>

Pillow decodes neither drawings (SVG) nor videos: these have none.
"""

from __future__ import annotations

import io
import uuid
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageOps

from filesync_web.aio.threads import in_thread
from filesync_web.core.image_size import HEADER_SIZE
from filesync_web.core.paths import FILES_ROOT, check_store_id
from filesync_web.core.raster import Raster
from filesync_web.core.thumbnails import THUMBNAILS_ROOT, Recipe, is_too_large, layout_of
from filesync_web.errors import BlobNotFoundError, QuotaExceededError
from filesync_web.native.incoming import Incoming, size_of
from filesync_web.native.locks import is_locked
from filesync_web.native.system_errors import storing
from filesync_web.ports import Source
from filesync_web.sources import with_path

Picture = Path | bytes


class DirectoryThumbnails:
    """The `ThumbnailStore` port over a directory; any number of processes may share it."""

    def __init__(self, root: Path, store_id: str) -> None:
        self._root = root
        self._files = root / FILES_ROOT / check_store_id(store_id)
        self._folder = root / THUMBNAILS_ROOT / store_id
        self._without_room: dict[str, str] = {}

    async def find(self, name: str) -> str | None:
        """A `file:` URL, or a `data:` URL of one for which there was no room."""
        path = self._folder / name
        return path.resolve().as_uri() if path.exists() else self._without_room.get(name)

    async def make(self, content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
        """Make a thumbnail in a thread."""
        del mime_type  # Pillow looks at the bytes
        name = recipe.name_for(content_hash)
        if await self.find(name) is not None:
            return True
        source = self._files / content_hash
        if not source.exists():
            raise BlobNotFoundError(f"no bytes are stored in {self._files} under {content_hash}")
        with storing(self._root):
            data = await in_thread(shrunk, source, recipe)
        if data is None:
            return False
        try:
            with storing(self._root):
                await in_thread(self._keep, name, data)
        except QuotaExceededError:
            self._without_room[name] = f"data:{recipe.mime_type};base64,{b64encode(data).decode()}"
        return True

    def _keep(self, name: str, data: bytes) -> None:
        """Write it down, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = Incoming(self._folder / f".{uuid.uuid4().hex}")
        try:
            temporary.append(data)
            temporary.path.replace(self._folder / name)
        finally:
            temporary.discard()

    async def raster(self, name: str, *, longest: int) -> Raster | None:
        """The pixels of one that is kept."""
        with storing(self._root):
            return await in_thread(_raster, self._folder / name, longest)

    async def sizes(self) -> dict[str, int]:
        """The names of all that are kept, with their sizes; what a process that died has left among them."""
        with storing(self._root):
            return await in_thread(_sizes, self._folder)

    async def remove(self, names: Iterable[str]) -> None:
        """Remove these."""
        with storing(self._root):
            for name in list(names):
                (self._folder / name).unlink(missing_ok=True)
                self._without_room.pop(name, None)

    def close(self) -> None:
        """Nothing is held open."""


class PillowShrinker:
    """The `PictureShrinker` port; a source is a path or bytes, others can be read once only."""

    async def header(self, source: Source) -> bytes | None:
        """The beginning of a source that can be read more than once."""
        source = with_path(source)
        if isinstance(source, Path):
            return await in_thread(_header, source)
        return bytes(source[:HEADER_SIZE]) if isinstance(source, bytes) else None

    async def shrink(self, source: Source, recipe: Recipe, pixels: tuple[int, int] | None) -> Source | None:
        """The picture as bytes in the recipe's format."""
        del pixels  # Pillow looks for itself
        return await in_thread(shrunk, with_path(source), recipe)

    def size(self, source: Source) -> int:
        """Bytes of a source or of what was made of it."""
        return _size(with_path(source))


def shrunk(source: Picture, recipe: Recipe) -> bytes | None:
    """The picture in the recipe's format, turned as its Exif says; None when Pillow cannot decode it."""
    file = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
    try:
        with file, Image.open(file) as opened:
            if is_too_large(_size(source), opened.size):
                return None
            opened.draft(None, (2 * recipe.size, 2 * recipe.size))  # a JPEG is decoded no larger than needed
            picture = ImageOps.exif_transpose(opened)
            return _encoded(_drawn(picture, recipe), recipe)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _drawn(picture: Image.Image, recipe: Recipe) -> Image.Image:
    has_alpha = picture.has_transparency_data
    picture = picture.convert("RGBA" if has_alpha else "RGB")
    (left, top, width, height), size = layout_of(picture.size, recipe)
    box = (left, top, left + width, top + height)
    picture = picture.resize(size, Image.Resampling.LANCZOS, box)
    if has_alpha and recipe.format == "jpeg":  # it knows no transparency
        white = Image.new("RGBA", size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return picture


def _encoded(picture: Image.Image, recipe: Recipe) -> bytes:
    data = io.BytesIO()
    picture.save(data, recipe.format, quality=round(100 * recipe.quality))
    return data.getvalue()


def _raster(path: Path, longest: int) -> Raster | None:
    try:
        opened = Image.open(path)
    except FileNotFoundError:
        return None
    with opened:
        picture = opened.convert("RGBA")
        picture.thumbnail((longest, longest))
        return Raster(picture.width, picture.height, picture.tobytes())


def _sizes(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    paths = [path for path in folder.iterdir() if not (path.name.startswith(".") and is_locked(path))]
    sizes = {path.name: size_of(path) for path in paths}
    return {name: size for name, size in sizes.items() if size is not None}


def _size(source: Picture) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source)


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_SIZE)
