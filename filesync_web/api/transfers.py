"""The helpers that watch and steer transfers. They run by themselves; none of these has to be called."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filesync_web.api.instance import get_file_sync
from filesync_web.core.display import FileSyncEvent
from filesync_web.ports import Unsubscribe


def is_online() -> bool:
    """Whether the signer could be reached when the leading tab last tried; True until that is known.

    It is tried every `health_check_interval` seconds and after each failure; `on_file_sync_event` tells
    changes (`online`, `offline`). In local-only mode nobody is asked, and the answer is True.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return get_file_sync().is_online()


def trigger_sync() -> None:
    """Look at the connections to the signer and to the sync backend now, whichever tab leads.

    Returns at once. Never needed: the kit looks by itself, every few seconds, and when the browser comes back
    online.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    get_file_sync().trigger_sync()


async def wait_until_synced(
    file_ids: Iterable[str] | None = None,
    timeout: float | None = None,
    *,
    stop_at_errors: bool = False,
) -> None:
    """Return once files are uploaded and the sync backend has confirmed them: other devices can have them.

        await wait_until_synced([result.file_id], timeout=60)

    Nothing has to wait for that: it is for a script that is about to end, or a "safe to close" in a page.
    `on_file_sync_event` tells the progress. What this device works off goes on when this gives up waiting, or
    is cancelled. A file that is deleted meanwhile is not waited for; one that rests at an error is, since it
    is tried again, unless `stop_at_errors` is set. Without an object store (local-only) or a sync backend
    there is nothing to wait for there.

    Args:
        file_ids: ids of live files. Default: all that are not deleted, also those that come meanwhile.
        timeout: seconds to wait at most. Default: as long as it takes.
        stop_at_errors: raise as soon as nothing is left to be uploaded but files that rest at an error; a
            script can try them again by `retry_errors`.

    Raises:
        SyncTimeoutError: it took longer; a `TimeoutError` as well. The message says what hinders it: no
            connection, pauses, the error of a file, what the backend says.
        UnknownFileError: no live file has such an id.
        TransferError: with `stop_at_errors`; the message has one of the files and its error.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().wait_until_synced(file_ids, timeout, stop_at_errors=stop_at_errors)


async def prioritize_download(file_id: str) -> None:
    """Put a file that waits for its download before the others. Does nothing for one that is here.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().prioritize_download(file_id)


async def pause_transfer(file_id: str) -> None:
    """Abort a file's upload or download on this device, and start none until `resume_transfer`.

    A pause is kept over reloads. The status is `queued` meanwhile. An edit of the file ends the pause.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().pause_transfer(file_id)


async def resume_transfer(file_id: str) -> None:
    """Go on with the transfer of a file that was paused or cancelled. Does nothing for any other.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().resume_transfer(file_id)


async def cancel_transfer(file_id: str) -> None:
    """Abort a file's upload or download on this device; it rests at `error`, as one that was cancelled.

    It is taken up again by `resume_transfer`, `retry_errors` or an edit of the file, and by nothing else.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().cancel_transfer(file_id)


async def retry_errors(file_ids: Iterable[str] | None = None) -> list[str]:
    """Try again what rests at `error`, the cancelled included, as if it had never failed.

        file_ids = await retry_errors()
        await retry_errors([file_id])

    Args:
        file_ids: ids or paths of the live files to try again. Default: all that rest at `error`.

    Returns:
        The ids of the files that were queued; empty when nothing rests at `error`.

    Raises:
        UnknownFileError: no live file has one of these ids; then nothing is tried again.
        InvalidArgumentError: `file_ids` is one text.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().retry_errors(file_ids)


def on_file_sync_event(callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
    """Call back with each event of the transfers, whichever tab runs them.

        def show(event):
            if event.type == "upload:progress":
                show_progress(event.file_id, event.loaded, event.total)

        unsubscribe = on_file_sync_event(show)

    Args:
        callback: a plain function; an error that it raises is logged. The types of events are listed at
            `FileSyncEvent`. They are news, not state: what is to last, show from the rows
            (`get_sync_status`, `get_file_display_state`).

    Returns:
        A function that ends the calls.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return get_file_sync().on_event(callback)
