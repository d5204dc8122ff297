"""One of several processes that do everything at once in one folder; `test_processes_at_once.py` starts it.

    python -m tests.unit.native.busy_process DATA_DIR CONFIG_DIR NUMBER

It begins when it reads a line, and ends with one line on standard output: what it has left in the store.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys

from PIL import Image

import filesync_web as fs
from filesync_web.command.settings import Flags, Settings, load_settings, save_settings
from tests.in_page.client import SCHEMA

COMMON = b"what all processes have " * 100


def _picture() -> bytes:
    """A picture that is large enough for a thumbnail."""
    data = io.BytesIO()
    Image.new("RGB", (600, 400), (200, 90, 120)).save(data, "png")
    return data.getvalue()


PICTURE = _picture()


def log_in(config_dir: str, number: int) -> None:
    """Keep settings, and read what somebody has kept."""
    environment = {"FILESYNC_CONFIG_DIR": config_dir}
    own = Settings(f"https://{number}.example", "token " + str(number) * 1000)
    save_settings(own, use_keyring=False, environment=environment)
    found = load_settings(Flags(), environment)
    assert found.token == "token " + found.url.removeprefix("https://").removesuffix(".example") * 1000


async def work(data_dir: str, number: int) -> dict[str, str]:
    """Save, edit, delete and read files; returns the contents of those that are left, by file id."""
    left: dict[str, str] = {}
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=data_dir)
    sync = await fs.create_file_sync(store, remote=None)
    try:
        common = await sync.save_file(COMMON, name="common")
        shared = await sync.save_file(PICTURE, name="shared.png")
        assert await sync.thumbnail_url(shared.file_id, 100)
        own = await sync.save_file(f"{number}".encode(), name="own")
        edited = await sync.update_file(own.file_id, f"{number} anew".encode())
        await sync.delete_file(common.file_id)
        again = await sync.save_file(COMMON, name="common")
        for file in (shared, edited, again):
            left[file.file_id] = file.content_hash
            assert await sync.read_bytes(file.file_id)
    finally:
        await sync.dispose()
        await store.close()
    return left


def main() -> None:
    """Wait for the word, then do everything."""
    data_dir, config_dir, number = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    log_in(config_dir, int(number))
    print(json.dumps(asyncio.run(work(data_dir, int(number)))), flush=True)


if __name__ == "__main__":
    main()
