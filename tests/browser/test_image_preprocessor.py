"""Pictures that are saved smaller, by a worker of the page or of Python's own worker."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide


@pytest.mark.thorough
@run_in_pyodide
async def test_a_photograph_is_saved_smaller(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import js
    from pyodide.ffi import to_js

    import filesync_web as fs
    from filesync_web.browser.object_urls import named_file
    from tests.in_page.client import FILES, close_client, open_client
    from tests.in_page.pictures import draw, look_at, with_orientation

    smaller = fs.image_preprocessor(max_dimension=1000)
    store, sync = await open_client(store_id, preprocessors={"image/*": smaller})

    def metadata(file: fs.FileOperationResult) -> fs.FileMetadata:
        return fs.get_file_metadata(store.query(FILES.tables.files.where(id=file.file_id))[0])

    turned = await with_orientation(await draw(3000, 1500, "image/jpeg"), 6)
    js_file = js.File.new(to_js([turned]), "photo.jpg")
    photo = await sync.save_file(named_file(js_file, "photo.jpg", "image/jpeg"))
    found = metadata(photo)
    assert (found.width, found.height, found.mime_type) == (500, 1000, "image/webp")
    assert found.name == "photo.jpg"
    width, height, colours = await look_at(await sync.get_file_url(photo.file_id))
    assert (width, height, colours[2:]) == (500, 1000, ["red", "blue"])

    again = await sync.save_file(await sync.read_file(photo.file_id))
    assert again.content_hash == photo.content_hash, "what is processed already is left alone"

    data = (await (await draw(3000, 1500)).arrayBuffer()).to_bytes()
    of_bytes = metadata(await sync.save_file(data, name="photo.png"))
    assert (of_bytes.width, of_bytes.height, of_bytes.mime_type) == (1000, 500, "image/webp")
    await close_client()


@pytest.mark.thorough
@run_in_pyodide
async def test_what_would_lose_by_it_is_saved_as_it_is(selenium: PyodidePage, store_id: str) -> None:
    import hashlib

    import js
    from pyodide.ffi import to_js

    import filesync_web as fs
    from tests.in_page.client import close_client, open_client
    from tests.in_page.pictures import SVG, draw

    smaller = fs.image_preprocessor(max_dimension=16)
    _store, sync = await open_client(store_id, preprocessors={"image/*": smaller})
    screen = b"GIF89a" + b"\x20\0\x20\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    animated = screen + 2 * frame + b"\x3b"
    drawn = [await draw(600, 300, kind) for kind in ("image/png", "image/jpeg")]
    torn = [(await js_blob.slice(0, js_blob.size * 3 // 4).arrayBuffer()).to_bytes() for js_blob in drawn]
    for original in (SVG, animated, b"\x89PNG\r\n\x1a\n broken", *torn):
        expected = hashlib.sha256(original).hexdigest()
        assert (await sync.save_file(original, mime_type="image/png")).content_hash == expected
        js_blob = js.Blob.new(to_js([to_js(original)]))
        assert (await sync.save_file(js_blob, mime_type="image/png")).content_hash == expected
        saved = await sync.save_file(js_blob.stream(), mime_type="image/png")
        assert saved.content_hash == expected
    await close_client()
