"""FileSync on CPython against the real server: two processes' worth of clients, small and large files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import filesync_web as fs
from tests.harness import ServerProcess
from tests.harness.native_client import FILES, native_client, until

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
        await until(
            there,
            FILES.tables.local_file_state,
            lambda rows: {r.local_hash for r in rows} == {first.content_hash, second.content_hash},
            seconds=60,
        )
        copy = await b.read_file(first.file_id)
        assert copy.read_bytes() == large.read_bytes()
        await b.delete_file(first.file_id)
        await until(there, FILES.tables.remote_deletes, lambda rows: not rows, seconds=60)
        metadata = fs.get_file_metadata(there.query(FILES.tables.files.where(id=second.file_id))[0])
        assert (metadata.name, metadata.mime_type, metadata.size_bytes) == ("small.txt", "text/plain", 5)
    assert "multipart/complete" in server.read_log()
