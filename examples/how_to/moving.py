"""Take over what an app has kept in localStorage or in Pyodide's IDBFS."""

from pathlib import Path

import filesync_web as fs
from js import Promise, localStorage
from pyodide.ffi import to_js
from pyodide_js import FS

kit = fs.create_file_sync_schema()


# --8<-- [start:once]
async def save_once(store, name, content):
    """Save a file, unless there is one of that name already."""
    live = store.query(kit.tables.files.where(deleted_at=None))
    if name not in {fs.get_file_metadata(record).name for record in live}:
        await fs.save_file(content, name=name)


# --8<-- [end:once]


# --8<-- [start:local-storage]
async def move_local_storage(store, prefix):
    """Make a file of each item whose key begins with `prefix`, then remove the item."""
    keys = [localStorage.key(number) for number in range(localStorage.length)]
    for key in keys:
        if key.startswith(prefix):
            await save_once(store, key, localStorage.getItem(key).encode())
            localStorage.removeItem(key)


# --8<-- [end:local-storage]


# --8<-- [start:idbfs]
def _sync_idbfs(from_browser):
    """Let Emscripten copy between memory and IndexedDB; `await` it."""

    def executor(resolve, reject):
        FS.syncfs(from_browser, to_js(lambda error: reject(error) if error else resolve()))

    return Promise.new(to_js(executor))


async def move_idbfs(store, folder):
    """Make a file of each file in a folder where IDBFS is mounted, then remove it there."""
    await _sync_idbfs(True)
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            await save_once(store, path.relative_to(folder).as_posix(), path.read_bytes())
            path.unlink()
    await _sync_idbfs(False)


# --8<-- [end:idbfs]
