"""The helper that shows the files to plain Python, by name."""

from __future__ import annotations

from filesync_web.api.instance import get_file_sync
from filesync_web.files.mounts import MountedFiles


async def mount(folder: str = "/files") -> MountedFiles:
    """Show the live files, by name, at a folder of Pyodide's file system, for plain `open`, `pathlib`, `os`.

        mounted = await mount("/files")
        await mounted.ready()                       # on a page's main thread
        with open("/files/orders.csv", newline="") as table:
            total = sum(float(row["amount"]) for row in csv.DictReader(table))
        Path("/files/total.txt").write_text(str(total))

    Nothing is read at once, and contents are read where they are stored. A name with slashes makes folders;
    of several files with one name the oldest has it, and the others get a number. What anybody changes shows
    at the next look-up; an open file keeps the content that it was opened with.

    What is written shows at once, and is saved in the background when it is closed, as by `save_file` or
    `update_file`; until then it is in memory. `os.remove` deletes a file for all clients, `os.rename` renames
    it. `await mounted.flush()` returns when all is saved, or raises what hinders it.

    A worker with the kit's service worker opens every file, also one that is not on this device. Elsewhere a
    file must be on this device and known beforehand: what this page has saved since, what `read_file` was
    asked for, and the newest 1,000 after `await mounted.ready()`. Else opening it is a `BlockingIOError`, and
    the log says what to await.

    Args:
        folder: where; it is made if need be, and must be empty.

    Returns:
        `MountedFiles`: `await mounted.unmount()` ends it, as `dispose_file_sync` does.

    Raises:
        InvalidArgumentError: the folder is not absolute or not empty, or something is mounted there; or this
            is CPython, which needs no mount: `read_file` gives a path there.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().mount(folder)
