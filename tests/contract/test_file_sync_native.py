"""FileSync on CPython against the real server: two processes' worth of clients, small and large files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import filesync_web as fs
from tests.harness import ServerProcess
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES

TOKEN = "dev-token-change-in-production"


def client(server: ServerProcess, folder: Path) -> AbstractAsyncContextManager[tuple[fs.Store, fs.FileSync]]:
    url = server.url
    return native_client(
        folder, store_id="native", sync_url=f"{url}/sync", signer_url=f"{url}/api", token=TOKEN
    )


async def test_files_large_and_small_reach_the_other_client(
    new_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = new_server()
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * (20 * 1024**2 // 256))
    async with client(server, tmp_path / "a") as (_here, a), client(server, tmp_path / "b") as (there, b):
        first = await a.save_file(large)
        second = await a.save_file(b"small", name="small.txt")
        hashes = {first.content_hash, second.content_hash}
        local, deletes = FILES.tables.local_file_state, FILES.tables.remote_deletes
        await until(
            lambda: {row.local_hash for row in there.query(local)} == hashes, "both files arrive", timeout=60
        )
        copy = await b.read_file(first.file_id)
        assert copy.read_bytes() == large.read_bytes()
        await b.delete_file(first.file_id, purge=True)
        await until(lambda: not there.query(deletes), "it is deleted in the object store", timeout=60)
        metadata = fs.get_file_metadata(there.query(FILES.tables.files.where(id=second.file_id))[0])
        assert (metadata.name, metadata.mime_type, metadata.size_bytes) == ("small.txt", "text/plain", 5)
    assert "multipart/complete" in server.read_log()
