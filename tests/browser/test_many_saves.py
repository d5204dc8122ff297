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
    from filesync_web.browser.js_util import js_object
    from tests.in_page.client import FILES

    noted = fs.event("v1.Noted", {"file_id": fs.text()})
    notes = fs.table("notes", {"file_id": fs.text(primary_key=True)})
    schema = fs.make_schema(
        tables={**FILES.tables, "notes": notes},
        events={**FILES.events, "noted": noted},
        materializers={
            **FILES.create_materializers(FILES.tables),
            "v1.Noted": lambda args, _context: notes.insert(**args),
        },
    )
    appended: list[list[str]] = []
    append = IndexedDbEventLog.append

    async def noting(log, events, seen):
        appended.append([event.name for event in events])
        return await append(log, events, seen)

    def js_file(number: int):
        return js.File.new([f"content {number}"], f"{number}.txt", js_object({"type": "text/plain"}))

    def hash_of(number: int) -> str:
        return hashlib.sha256(b"content %d" % number).hexdigest()

    store = await fs.open_store(schema, store_id=store_id)
    sync = await fs.create_file_sync(store, remote=None)
    IndexedDbEventLog.append = noting
    try:
        sources = [*map(js_file, range(40)), 5]
        with pytest.raises(fs.SaveFilesError) as caught:
            await sync.save_files(sources, events=lambda result: [noted(file_id=result.file_id)])
        *saved, bad = caught.value.results
        assert bad is None
        assert list(caught.value.failures) == [40]
        assert [result.content_hash for result in saved] == [hash_of(number) for number in range(40)]
        names = [
            fs.get_file_metadata(file).name for file in store.query(FILES.tables.files.order_by("created_at"))
        ]
        assert names == [f"{number}.txt" for number in range(40)]
        assert {note.file_id for note in store.query(notes)} == {result.file_id for result in saved}
        for together in appended:  # and each of these is a transaction
            assert together.count("v1.FileCreated") == together.count("v1.Noted")
        assert len([names for names in appended if "v1.Noted" in names]) < 40
    finally:
        IndexedDbEventLog.append = append
        await sync.dispose()
        await store.close()


@run_in_pyodide
async def test_what_is_refused_or_cancelled_leaves_nothing_and_what_was_saved_stays(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import asyncio
    import hashlib

    import js
    import pytest

    import filesync_web as fs
    from filesync_web.browser.js_util import js_object
    from tests.in_page.blobs import leftovers
    from tests.in_page.client import FILES, SCHEMA

    def js_file(number: int):
        return js.File.new([f"content {number}"], f"{number}.txt", js_object({"type": "text/plain"}))

    async def endless():
        yield b"the beginning"
        await asyncio.Event().wait()

    def refuse(_result):
        raise LookupError("no")

    store = await fs.open_store(SCHEMA, store_id=store_id)
    sync = await fs.create_file_sync(store, remote=None)
    try:
        with pytest.raises(LookupError):
            await sync.save_file(js_file(0), events=refuse)
        is_saved = asyncio.Event()
        sources = [js_file(1), endless(), endless()]
        saving = asyncio.ensure_future(sync.save_files(sources, on_result=lambda *_: is_saved.set()))
        await is_saved.wait()
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await sync.collect_garbage()
        assert len(store.query(FILES.tables.files)) == 1
        assert await leftovers(store_id) == []
        kept = await sync._workspace.platform.blobs.list()
        assert set(kept) == {hashlib.sha256(b"content 1").hexdigest()}
        with pytest.raises(fs.InvalidArgumentError, match="open_file"):
            sync.local_path(store.query(FILES.tables.files)[0].id)
    finally:
        await sync.dispose()
        await store.close()
