"""Thumbnails and previews in a browser: as large as asked for, the right way up, made once, and never in a
file's way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.video import HEIGHT, WIDTH, write_video
from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide

MIB = 1 << 20


@pytest.mark.firefox
@pytest.mark.feature("thumbnails and previews")
@run_in_pyodide
async def test_a_thumbnail_has_the_size_that_was_asked_for(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import filesync_web as fs
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import draw, look_at, thumbnails_kept

    _store, sync = await open_client(store_id)
    wide = await sync.save_file(await draw(800, 400), name="wide.png")
    tall = await sync.save_file(await draw(100, 600, "image/jpeg"), name="tall.jpg")
    small = await sync.save_file(await draw(20, 10, "image/webp"), name="small.webp")

    width, height, colours = await look_at(await sync.thumbnail_url(wide.file_id, 200))
    assert (width, height, colours[:2]) == (256, 128, ["red", "blue"])
    assert (await look_at(await sync.thumbnail_url(wide.file_id, 500)))[:2] == (512, 256)
    assert (await look_at(await sync.thumbnail_url(wide.file_id, 5000)))[:2] == (800, 400), "never enlarged"
    assert (await look_at(await sync.thumbnail_url(tall.file_id)))[:2] == (43, 256)
    assert (await look_at(await sync.thumbnail_url(small.file_id)))[:2] == (20, 10)

    options = fs.ThumbnailOptions()
    hashes = [file.content_hash for file in (wide, tall, small)]
    expected = [options.recipe(256).name_for(content) for content in hashes]
    expected += [options.recipe(size).name_for(wide.content_hash) for size in (512, 1024)]
    assert await thumbnails_kept(store_id) == sorted(expected)
    assert ((await sync.storage_status()).thumbnails or 0) > 100
    await close_client()


@run_in_pyodide
async def test_a_photograph_is_shown_the_right_way_up(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import draw, look_at, with_orientation

    _store, sync = await open_client(store_id)
    for size in (600, 2400):  # the larger one is decoded at a fraction of its size
        lying = await draw(size, size * 2 // 3, "image/jpeg")
        turned = await sync.save_file(await with_orientation(lying, 6), name="turned.jpg")
        upside_down = await sync.save_file(await with_orientation(lying, 3), name="upside-down.jpg")
        width, height, colours = await look_at(await sync.thumbnail_url(turned.file_id))
        assert (width, height, colours[2:]) == (171, 256, ["red", "blue"])
        width, height, colours = await look_at(await sync.thumbnail_url(upside_down.file_id))
        assert (width, height, colours[:2]) == (256, 171, ["blue", "red"])
    await close_client()


@run_in_pyodide
async def test_formats_and_fits(selenium: PyodidePage, store_id: str) -> None:
    import js

    import filesync_web as fs
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import draw, look_at

    for picture_format, clear in (("jpeg", "white"), ("png", "clear"), ("webp", "clear")):
        options = fs.ThumbnailOptions((100,), picture_format, fit="cover")
        _store, sync = await open_client(store_id, thumbnails=options)
        empty = js.OffscreenCanvas.new(300, 200)
        empty.getContext("2d")
        nothing = await sync.save_file(await empty.convertToBlob(), name="empty.png")
        wide = await sync.save_file(await draw(400, 200), name="wide.png")
        url = await sync.thumbnail_url(wide.file_id)
        assert (await (await js.fetch(url)).blob()).type == f"image/{picture_format}"
        width, height, colours = await look_at(url)
        assert (width, height, colours[:2]) == (100, 100, ["red", "blue"])
        assert (await look_at(await sync.thumbnail_url(nothing.file_id)))[2] == [clear] * 4
        await close_client()


@run_in_pyodide
async def thumbnail_of_drawing(selenium: PyodidePage, store_id: str) -> tuple[int, int, list[str]] | None:
    """How the thumbnail of a small drawing looks."""
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import SVG, look_at

    _store, sync = await open_client(store_id)
    drawing = await sync.save_file(SVG, name="drawing.svg", mime_type="image/svg+xml")
    broken = await sync.save_file(b"<svg", name="broken.svg", mime_type="image/svg+xml")
    assert await sync.thumbnail_url(broken.file_id) is None
    url = await sync.thumbnail_url(drawing.file_id, 100)
    found = None if url is None else await look_at(url)
    await close_client()
    return found


def test_a_drawing_is_drawn_as_large_as_it_is_shown(selenium: PyodidePage, store_id: str) -> None:
    found = thumbnail_of_drawing(selenium, store_id)
    assert found is not None
    assert [*found[:2], found[2][:2]] == [128, 64, ["red", "blue"]]


def test_in_a_worker_a_drawing_has_no_thumbnail(selenium_worker: PyodidePage, store_id: str) -> None:
    assert thumbnail_of_drawing(selenium_worker, store_id) is None


@run_in_pyodide
async def thumbnail_of_video(selenium: PyodidePage, store_id: str, url: str) -> list[object]:
    """Size of the thumbnail of the video at a URL, and what a text that says it is one has."""
    import js

    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import look_at

    _store, sync = await open_client(store_id)
    video = await (await js.fetch(url)).blob()
    file = await sync.save_file(video, name="video.webm", mime_type="video/webm")
    none = await sync.save_file(b"no video", name="none.webm", mime_type="video/webm")
    shown = await look_at(await sync.thumbnail_url(file.file_id, 100))
    found = [*shown[:2], await sync.thumbnail_url(none.file_id)]
    await close_client()
    return found


def test_a_video_is_shown_by_one_of_its_pictures(
    selenium: PyodidePage, store_id: str, tmp_path: Path
) -> None:
    write_video(selenium.driver, tmp_path / "video.webm", 2)
    selenium.driver.route("**/video.webm", lambda route: route.fulfill(path=tmp_path / "video.webm"))
    found = thumbnail_of_video(selenium, store_id, "/video.webm")
    assert found == [128, 128 * HEIGHT // WIDTH, None]


@run_in_pyodide
async def test_a_broken_picture_is_tried_once(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import thumbnails_kept

    _store, sync = await open_client(store_id)
    broken = await sync.save_file(b"\x89PNG\r\n\x1a\n and nothing more", name="broken.png")
    assert await sync.thumbnail_url(broken.file_id) is None
    assert not sync._thumbnails.are_possible(sync._workspace.tables.live(broken.file_id))
    assert await sync.thumbnail_url(broken.file_id, 1000) is None
    assert await thumbnails_kept(store_id) == []
    await close_client()


@run_in_pyodide
async def test_what_would_take_too_much_memory_is_not_decoded(selenium: PyodidePage, store_id: str) -> None:
    import struct
    import zlib

    from tests.in_page.client import close_client, open_client

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 30_000
    rows = zlib.compress(bytes((1 + side // 8) * 100))  # of one bit each; what is missing is not looked at
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    _store, sync = await open_client(store_id)
    file = await sync.save_file(bomb, name="huge.png")
    assert await sync.thumbnail_url(file.file_id) is None
    await close_client()


@run_in_pyodide
async def test_thumbnails_go_and_are_made_again(selenium: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import draw, is_gone, look_at, thumbnails_kept

    # A preview, which is made a moment after the save, would make a thumbnail as well.
    _store, sync = await open_client(store_id, thumbnails=fs.ThumbnailOptions(previews=False))
    file = await sync.save_file(await draw(400, 200), name="a.png")
    first = await sync.thumbnail_url(file.file_id)
    assert await sync.thumbnail_url(file.file_id) == first
    assert await sync._thumbnails.clear() > 0
    assert await thumbnails_kept(store_id) == []
    assert await is_gone(first)

    second = await sync.thumbnail_url(file.file_id)
    assert second != first
    assert (await look_at(second))[:2] == (256, 128)
    await sync.delete_file(file.file_id, purge=True)

    async def are_gone() -> bool:
        return await thumbnails_kept(store_id) == []

    await until(are_gone, "the thumbnails have gone with their file")

    other = await sync.save_file(await draw(300, 200), name="b.png")
    third = await sync.thumbnail_url(other.file_id)
    await close_client()
    assert await is_gone(third), "the end lets go of all URLs"


@run_in_pyodide
async def test_the_preview_of_a_saved_picture_can_be_shown(selenium: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client
    from tests.in_page.pictures import draw, look_at

    store, sync = await open_client(store_id)
    file = await sync.save_file(await draw(800, 400), name="a.png")

    def metadata() -> fs.FileMetadata:
        return fs.get_file_metadata(store.query(FILES.tables.files.where(id=file.file_id))[0])

    await until(lambda: metadata().preview is not None, "the preview is there")
    assert (metadata().width, metadata().height, metadata().name) == (800, 400, "a.png")
    width, height, colours = await look_at(fs.preview_data_url(metadata()) or "")
    assert width == 16
    assert height in (8, 9)
    assert colours[:2] == ["red", "blue"]
    await close_client()


# --- two pages


@run_in_pyodide
async def open_page(selenium: PyodidePage, store_id: str, file_id: str) -> str:
    """Open a client, and a file in it: a new one, or the one that another page has saved."""
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES, open_client
    from tests.in_page.pictures import draw

    store, sync = await open_client(store_id, thumbnails=fs.ThumbnailOptions(previews=False))
    if not file_id:
        file_id = (await sync.save_file(await draw(2000, 1000, "image/jpeg"), name="a.jpg")).file_id
    await until(lambda: bool(store.query(FILES.tables.files.where(id=file_id))), "the file is known")
    kept.file_id = file_id
    return file_id


@run_in_pyodide
async def shown_size(selenium: PyodidePage) -> list[int]:
    """The size of the thumbnail that the page gets."""
    from tests.in_page import kept
    from tests.in_page.pictures import look_at

    return list((await look_at(await kept.sync.thumbnail_url(kept.file_id)))[:2])


@run_in_pyodide
async def clear(selenium: PyodidePage) -> None:
    from tests.in_page import kept

    await kept.sync._thumbnails.clear()


@run_in_pyodide
async def all_kept(selenium: PyodidePage, store_id: str) -> list[str]:
    from tests.in_page.pictures import thumbnails_kept

    return await thumbnails_kept(store_id)


@pytest.mark.thorough
def test_two_pages_share_thumbnails(new_context: Callable[[], BrowserContext], store_id: str) -> None:
    context = new_context()
    one, two = open_pyodide_page(context), open_pyodide_page(context)
    file_id = open_page(one, store_id, "")
    open_page(two, store_id, file_id)
    assert shown_size(one) == [256, 128]
    before = all_kept(two, store_id)
    assert shown_size(two) == [256, 128]
    assert all_kept(two, store_id) == before
    clear(one)
    assert shown_size(two) == [256, 128], "it has noticed that its own is gone"
    assert shown_size(one) == [256, 128]
    assert all_kept(two, store_id) == before


# --- room


@run_in_pyodide
async def fill_with_thumbnails(selenium: PyodidePage, store_id: str) -> None:
    """Save and upload a file of one MiB, and keep thumbnails of as many bytes."""
    import os

    import js

    import filesync_web as fs
    from filesync_web.browser.js_util import js_object
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES, open_client

    store, sync = await open_client(store_id)
    kept.first = await sync.save_file(os.urandom(1 << 20), name="first")

    def is_uploaded() -> bool:
        rows = store.query(FILES.tables.local_file_state)
        return bool(rows) and rows[0].upload_status == fs.Status.DONE

    await until(is_uploaded, "it is uploaded")
    await until(lambda: not store.unconfirmed(), "the backend knows of it")
    js_folder = await js.navigator.storage.getDirectory()
    for name in ("livestore-filesync-thumbnails", store_id):
        js_folder = await js_folder.getDirectoryHandle(name, js_object({"create": True}))
    js_handle = await js_folder.getFileHandle(f"{kept.first.content_hash}-large", js_object({"create": True}))
    js_writable = await js_handle.createWritable()
    await js_writable.write(js.Uint8Array.new(1 << 20))
    await js_writable.close()


@run_in_pyodide
async def save_another(selenium: PyodidePage) -> list[str]:
    """Save a file of one MiB; the names of those that are here then."""
    import os

    from tests.in_page import kept
    from tests.in_page.client import FILES

    second = await kept.sync.save_file(os.urandom(1 << 20), name="second")
    here = {row.file_id for row in kept.store.query(FILES.tables.local_file_state) if row.local_hash}
    names = {kept.first.file_id: "first", second.file_id: "second"}
    return [name for file_id, name in names.items() if file_id in here]


@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
def test_a_full_device_lets_thumbnails_go_before_files(
    new_profile: Callable[..., Profile], store_id: str
) -> None:
    page = open_pyodide_page(new_profile().open())
    fill_with_thumbnails(page, store_id)
    assert len(all_kept(page, store_id)) == 1
    session = page.context.new_cdp_session(page.driver)
    usage = page.driver.evaluate("async () => (await navigator.storage.estimate()).usage")
    origin = page.driver.evaluate("location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": usage + MIB // 2})
    assert save_another(page) == ["first", "second"]
    assert all_kept(page, store_id) == []


@pytest.mark.parametrize("kind", ["image/png", "image/svg+xml", "video/webm", "text/plain"])
def test_what_may_have_thumbnails_is_saved_whatever_it_is(
    selenium: PyodidePage, store_id: str, kind: str
) -> None:
    assert saved_as(selenium, store_id, kind) == kind


@run_in_pyodide
async def saved_as(selenium: PyodidePage, store_id: str, kind: str) -> str | None:
    """Save bytes that are no picture under that type; the type that is recorded."""
    import filesync_web as fs
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id)
    file = await sync.save_file(b"nothing to see", mime_type=kind)
    assert await sync.thumbnail_url(file.file_id) is None
    metadata = fs.get_file_metadata(store.query(FILES.tables.files.where(id=file.file_id))[0])
    await close_client()
    return metadata.mime_type
