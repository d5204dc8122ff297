"""Many files saved by one call, with what the app says of each, in a page and in a worker."""

from __future__ import annotations

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
async def test_each_file_is_in_one_transaction_with_what_the_app_says(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import hashlib

    import js
    import pytest

    import filesync_web as fs
    from filesync_web.browser.event_log import IndexedDbEventLog
    from tests.in_page.client import FILES
    from tests.in_page.noted import NOTES, SCHEMA, noted

    appended: list[list[str]] = []
    append = IndexedDbEventLog.append

    async def noting(log, events, seen):
        appended.append([event.name for event in events])
        return await append(log, events, seen)

    store = await fs.open_store(SCHEMA, store_id=store_id)
    sync = await fs.create_file_sync(store, remote=None)
    IndexedDbEventLog.append = noting
    try:
        js_files = [js.File.new([f"content {number}"], f"{number}.txt") for number in range(40)]
        with pytest.raises(fs.SaveFilesError) as caught:
            await sync.save_files([*js_files, 5], events=noted)
    finally:
        IndexedDbEventLog.append = append
    *saved, bad = caught.value.results
    assert bad is None
    assert list(caught.value.failures) == [40]
    hashes = [hashlib.sha256(b"content %d" % number).hexdigest() for number in range(40)]
    assert [result.content_hash for result in saved] == hashes
    files = store.query(FILES.tables.files.order_by("created_at"))
    assert [fs.get_file_metadata(file).name for file in files] == [f"{number}.txt" for number in range(40)]
    assert {note.file_id for note in store.query(NOTES)} == {result.file_id for result in saved}
    for together in appended:  # each of these is a transaction
        assert together.count("v1.FileCreated") == together.count("v1.Noted")
    assert sum("v1.Noted" in names for names in appended) < 40
    with pytest.raises(fs.InvalidArgumentError, match="open_file"):
        sync.local_path(saved[0].file_id)
    await sync.dispose()
    await store.close()


@run_in_pyodide
async def test_what_is_refused_or_broken_off_leaves_nothing(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import asyncio

    import js
    import pytest

    import filesync_web as fs
    from tests.in_page.blobs import leftovers
    from tests.in_page.client import FILES
    from tests.in_page.noted import SCHEMA

    def refuse(_result):
        raise LookupError("no")

    async def endless():
        yield b"the beginning"
        await asyncio.Event().wait()

    store = await fs.open_store(SCHEMA, store_id=store_id)
    sync = await fs.create_file_sync(store, remote=None)
    with pytest.raises(LookupError):
        await sync.save_file(js.Blob.new(["refused"]), events=refuse)
    is_saved = asyncio.Event()
    sources = [js.Blob.new(["saved"]), endless(), endless()]
    saving = asyncio.ensure_future(sync.save_files(sources, on_result=lambda *_: is_saved.set()))
    await is_saved.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await sync.collect_garbage()
    [kept] = store.query(FILES.tables.files)
    assert await leftovers(store_id) == []
    assert list(await sync._workspace.platform.blobs.list()) == [kept.content_hash]
    await sync.dispose()
    await store.close()
