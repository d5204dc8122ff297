"""FileSync whole, in each of the three contexts, against the real server: from saving to deleting."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide


@pytest.mark.firefox
@pytest.mark.feature("bare Pyodide, PyScript on the main thread and in a worker")
@run_in_pyodide
async def test_save_upload_edit_and_delete(selenium_of_each_kind: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    files, local, deletes = FILES.tables.files, FILES.tables.local_file_state, FILES.tables.remote_deletes
    store, sync = await open_client(store_id)
    try:
        result = await sync.save_file(b"hello", name="hello.txt")
        assert result.path.startswith(f"livestore-filesync-files/{store_id}/")
        await until(lambda: store.query(files)[0].remote_key, "it is uploaded")
        assert fs.get_file_metadata(store.query(files)[0]).size_bytes == 5
        js_file = await sync.read_file(result.file_id)
        assert (await js_file.text(), js_file.name, js_file.type) == ("hello", "hello.txt", "text/plain")
        edited = await sync.update_file(result.file_id, b"hello again")
        new_hash = edited.content_hash
        await until(lambda: store.query(files)[0].remote_key.endswith(new_hash), "the edit is uploaded")
        await sync.delete_file(result.file_id, purge=True)
        await until(lambda: not store.query(local), "it is deleted here")
        await until(lambda: not store.query(deletes), "it is deleted in the object store")
        assert store.sync_status.last_error == ""
    finally:
        await close_client()
