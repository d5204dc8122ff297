"""The fragments of the documents about pages, run as they stand there, with what it takes for granted."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext

from filesync_web.sw import precache_entries
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.documents import fragment, fragments
from tools.common import ROOT


def started(store_id: str) -> str:
    """How a page begins, in a store of the test's own."""
    text = fragment("getting-started", "kit = fs.create_file_sync_schema()")
    assert '"album"' in text
    return text.replace('"album"', repr(store_id))


@run_in_pyodide
async def begin_and_show(selenium: PyodidePage, start: str, progress: str, show: str, many: str) -> None:
    from types import SimpleNamespace

    import js
    from pyodide.code import eval_code_async
    from pyodide.ffi import to_js

    from tests.harness.waiting import until
    from tests.in_page.client import TOKEN

    rendered: list[int] = []
    known = {"TOKEN": TOKEN, "render": lambda: rendered.append(1)}
    await eval_code_async(start, known)
    fs = known["fs"]
    await eval_code_async(progress, known)
    stop_progress = known["unsubscribe"]
    under_way: list[int] = []
    fs.on_file_sync_event(lambda _event: under_way.append(len(known["transfers"])))
    await eval_code_async(show, known)
    assert known["records"] == []

    js_files = [js.File.new(to_js([to_js(bytes([one] * 300_000))]), f"{one}.bin") for one in (1, 2)]
    shown: list[int] = []
    known |= {
        "event": SimpleNamespace(target=SimpleNamespace(files=js_files)),
        "members": [("three.txt", b"3"), ("four.txt", b"4")],
        "paths": [js_files[0], object(), b"five"],
        "show": shown.append,
    }
    await eval_code_async(many, known)
    assert known["again"] == [known["paths"][1]]
    assert sorted(shown) == [0, 1, 2]
    await fs.wait_until_synced(timeout=30)
    await until(lambda: known["transfers"] == {}, "the end is told, once it is written down")
    assert rendered
    assert max(under_way) > 0
    stop_progress()
    known["unsubscribe"]()
    await eval_code_async(show, known)
    names = sorted(str(fs.get_file_metadata(record).name) for record in known["records"])
    assert names == ["1.bin", "1.bin", "2.bin", "None", "four.txt", "three.txt"]
    assert known["states"].keys() == {record.id for record in known["records"]}
    await fs.dispose_file_sync()
    await known["store"].close()


def test_a_page_begins_saves_many_files_and_shows_them(selenium: PyodidePage, store_id: str) -> None:
    begin_and_show(
        selenium,
        started(store_id),
        fragment("getting-started", "transfers = {}"),
        fragment("getting-started", "records = store.query"),
        fragment("getting-started", "await fs.save_files(event.target.files)"),
    )


@run_in_pyodide
async def with_own_events(selenium: PyodidePage, own: str, with_files: str, store_id: str) -> None:
    import js
    from pyodide.code import eval_code_async
    from pyodide.ffi import to_js

    import filesync_web as fs

    opening = "store = await fs.open_store(schema, store_id=store_id)\n"
    commit = "await store.commit("
    assert commit in own
    known = {"fs": fs, "kit": fs.create_file_sync_schema(), "store_id": store_id}
    await eval_code_async(own.replace(commit, opening + commit), known)
    (row,) = known["store"].query(known["album"].all())
    assert (row.id, row.title) == ("a1", "Summer")
    await known["store"].close()

    photos = fs.table("photos", {"id": fs.text(primary_key=True), "album": fs.text()})
    added = fs.event("v1.PhotoAdded", {"photo": fs.text(), "album": fs.text()})
    removed = fs.event("v1.PhotoRemoved", {"photo": fs.text()})
    kit = known["kit"]
    schema = fs.make_schema(
        tables={**kit.tables, "photos": photos},
        events={**kit.events, "photo_added": added, "photo_removed": removed},
        materializers={
            **kit.create_materializers(kit.tables),
            "v1.PhotoAdded": lambda args, context: photos.insert(id=args.photo, album=args.album),
            "v1.PhotoRemoved": lambda args, context: photos.where(id=args.photo).delete(),
        },
    )
    store = await fs.open_store(schema, store_id=f"{store_id}_photos")
    await fs.init_file_sync(store, remote=None)
    saving, deleting = with_files.splitlines()
    js_file = js.File.new(to_js([to_js(b"a photo")]), "photo.jpg")
    known |= {"js_file": js_file, "photo_added": added, "photo_removed": removed}
    await eval_code_async(saving, known)
    (row,) = store.query(photos.all())
    assert row.album == "Summer"
    await eval_code_async(deleting, known | {"photo": row.id})
    assert store.query(photos.all()) == []
    await fs.dispose_file_sync()
    await store.close()


def test_events_of_the_apps_own(selenium: PyodidePage, store_id: str) -> None:
    own = fragment("getting-started", 'album = fs.table("album"')
    with_files = fragment("getting-started", "photo_added(photo=result.file_id")
    with_own_events(selenium, own, with_files, store_id)


@run_in_pyodide
async def pictures(selenium: PyodidePage, smaller: str, images: list[str], store_id: str) -> None:
    import asyncio
    from types import SimpleNamespace

    import js
    from pyodide.code import eval_code_async

    import filesync_web as fs
    from tests.in_page.client import FILES, SCHEMA
    from tests.in_page.pictures import draw, size_shown

    thumbnail, options, preview, preprocessors = images
    store = await fs.open_store(SCHEMA, store_id=store_id)
    shrink = SimpleNamespace(shrink=lambda _js_file, side: draw(side, side // 2))
    known = {"fs": fs, "store": store, "remote": None, "images": shrink}

    await eval_code_async(smaller, known)
    saved = await fs.save_file(await draw(30, 20), name="large.png")
    (record,) = store.query(FILES.tables.files.where(id=saved.file_id))
    metadata = fs.get_file_metadata(record)
    assert (metadata.width, metadata.height) == (2048, 1024)
    assert metadata.custom["original_size"] < (metadata.size_bytes or 0)
    await fs.dispose_file_sync()

    await eval_code_async(preprocessors, known)
    saved = await fs.save_file(await draw(3000, 20), name="wide.png")
    (record,) = store.query(FILES.tables.files.where(id=saved.file_id))
    metadata = fs.get_file_metadata(record)
    assert (metadata.mime_type, metadata.width) == ("image/webp", 2048)
    await fs.dispose_file_sync()

    await eval_code_async(options, known)
    saved = await fs.save_file(await draw(600, 300), name="two-colours.png")
    image = js.Image.new()
    known |= {"file_id": saved.file_id, "devicePixelRatio": 2, "image": image, "placeholder": "none"}
    await eval_code_async(thumbnail, known)
    assert await size_shown(image.src) == [320, 160]
    card = js.document.createElement("div")
    (record,) = store.query(FILES.tables.files.where(id=saved.file_id))
    async with asyncio.timeout(30):
        while not fs.get_file_metadata(record).preview:
            await asyncio.sleep(0.05)
            (record,) = store.query(FILES.tables.files.where(id=saved.file_id))
    await eval_code_async(preview, known | {"card": card, "record": record})
    assert card.style.backgroundImage.startswith('url("data:image/png;base64,')
    await fs.dispose_file_sync()
    await store.close()


def test_pictures(selenium: PyodidePage, store_id: str) -> None:
    pictures(selenium, fragment("getting-started", "async def smaller"), fragments("images"), store_id)


@run_in_pyodide
async def mounted(selenium: PyodidePage, text: str, store_id: str) -> None:
    import csv
    from pathlib import Path

    from pyodide.code import eval_code_async

    import filesync_web as fs
    from tests.in_page.client import FILES, SCHEMA

    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    await fs.save_file(b"amount\n1.5\n2\n", name="orders.csv")
    known = {"fs": fs, "csv": csv, "Path": Path}
    await eval_code_async(text, known)
    records = store.query(FILES.tables.files.where(deleted_at=None))
    texts = {fs.get_file_metadata(one).name: await fs.read_text(one.id) for one in records}
    assert texts["total.txt"] == "3.5"
    await fs.dispose_file_sync()
    await store.close()


def test_mounted_files(selenium: PyodidePage, store_id: str) -> None:
    (text,) = fragments("mounted-files")
    mounted(selenium, text, store_id)


@run_in_pyodide
async def served(selenium: PyodidePage, short: str, long: str, background: str, store_id: str) -> None:
    import js
    from pyodide.code import eval_code_async

    import filesync_web as fs
    from tests.in_page.client import FILES, SCHEMA, TOKEN

    headers = {"Authorization": f"Bearer {TOKEN}"}
    store = await fs.open_store(SCHEMA, store_id=store_id, sync=fs.SyncOptions("/sync", auth_token=TOKEN))
    known = {
        "fs": fs,
        "js": js,
        "auth_headers": headers,
        "current_auth_headers": lambda: headers,
        "store": store,
    }
    await eval_code_async(short, known)
    await eval_code_async(background, known | {"remote": fs.SignerConfig("/api", auth_token=TOKEN)})
    saved = await fs.save_file(b"a picture", name="a.bin")
    await fs.wait_until_synced(timeout=30)
    known["album"] = store.query(FILES.tables.files.where(deleted_at=None))
    await eval_code_async(long, known)
    report = known["report"]
    assert (report.present, report.fetched, dict(report.failed)) == ((saved.path,), (), {})
    assert not known["worker"].update_waiting
    await fs.dispose_file_sync()
    await store.close()
    await fs.unregister_file_sync_service_worker()


def test_a_page_with_its_service_worker(new_context: Callable[..., BrowserContext], store_id: str) -> None:
    served(
        open_pyodide_page(new_context()),
        fragment("getting-started", "register_file_sync_service_worker"),
        fragment("service-worker", "register_file_sync_service_worker"),
        fragment("service-worker", "background_uploads=True"),
        store_id,
    )


def test_the_command_that_writes_the_service_worker(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "service-worker.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("python -m filesync_web service-worker")]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html>")
    command = [sys.executable, *shlex.split(line)[1:]]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    ((_page, revision),) = precache_entries(tmp_path / "site")
    assert revision in (tmp_path / "site" / "filesync-sw.js").read_text()


def test_every_fragment_is_run_here() -> None:
    here = Path(__file__).read_text()
    for page, count in {"getting-started": 8, "images": 4, "service-worker": 2, "mounted-files": 1}.items():
        assert len(fragments(page)) == count, f"docs/{page}.md has another number of fragments: run them all"
        assert f'"{page}"' in here
