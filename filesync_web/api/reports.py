"""The helper for who wonders what the kit is doing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filesync_web.api.instance import get_file_sync


async def debug_report(
    files: Iterable[str] | None = None, *, names: bool = False, quick: bool = False
) -> dict[str, Any]:
    """Everything that this tab or process knows of its store and files, for a bug report, as JSON values.

        text = json.dumps(await debug_report(), indent=2)

    It is read-only. It has no tokens, no queries of URLs, no contents of files and no arguments of events;
    file ids, hashes, remote keys, server addresses and error messages are in it. What the inspector shows is
    this report.

    Args:
        files: ids, content hashes or parts of names of the files whose history it tells, deleted ones too.
            Default: up to 20 that wait or failed, and the newest.
        names: with the names of files, which may be nobody else's business.
        quick: only what this tab or process knows by itself: nothing of the storage, the place where it runs
            and the service worker.

    Returns:
        `format` (1), `at`, and `findings`: sentences about what may be wrong. Then what the parts know: `kit`
        (versions, options), `store` (ids, metadata sync, event log), `transfers` (counts, and up to 50 each
        that run, wait or failed), `remote` (the signer, and by how many seconds its clock is ahead), `events`
        (the last 100, with times), `files` (with all versions: who, when, hash, remote key), `storage` (bytes
        by kind), `place` (browser or system), and in a page the service worker. Times are ISO 8601 in UTC,
        sizes bytes, durations seconds. A part that fails is `{"error": ...}`.

    Raises:
        UnknownFileError: one of `files` names none.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().debug_report(files, names=names, quick=quick)
