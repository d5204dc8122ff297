"""Versions and the trash in a page, with real storage and a real server."""

from __future__ import annotations

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
async def test_what_was_edited_or_deleted_is_had_back(selenium: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    files, deletes = FILES.tables.files, FILES.tables.remote_deletes
    store, sync = await open_client(store_id)
    try:
        saved = await sync.save_file(b"one", name="a.txt")
        await until(lambda: store.query(files)[0].remote_key, "it is uploaded")
        edited = await sync.update_file(saved.file_id, b"two")
        await until(lambda: store.query(files)[0].remote_key, "the edit is uploaded")
        two, one = await sync.list_versions(saved.file_id)
        assert (two.content_hash, one.content_hash) == (edited.content_hash, saved.content_hash)
        assert await (await sync.read_version(saved.file_id, one.content_hash)).text() == "one"
        await sync.restore_version(saved.file_id, one.content_hash)
        assert await sync.read_text(saved.file_id) == "one"
        await sync.delete_file(saved.file_id)
        assert [file.name for file in await sync.list_deleted()] == ["a.txt"]
        await sync.restore_file(saved.file_id)
        assert await sync.read_text(saved.file_id) == "one"
        assert store.query(files)[0].remote_key, "nothing is to be uploaded"
        await sync.delete_file(saved.file_id)
        await sync.purge_file(saved.file_id)
        await until(lambda: not store.query(deletes), "nothing of it is left in the object store")
        try:
            await sync.restore_file(saved.file_id)
        except fs.VersionGoneError:
            pass
        else:
            raise AssertionError("it was purged")
    finally:
        await close_client()
