"""The helpers for an app with one store: `init_file_sync` makes the one `FileSync` that they all use, so that
any module of the app can `await save_file(file)`.

Each helper tells its own whole contract: `help(filesync_web.save_file)`. An app with several stores makes a
`FileSync` for each by `create_file_sync`, and calls the methods of the same names.
"""

from filesync_web.api.descriptions import rename_file, set_metadata
from filesync_web.api.files import (
    delete_file,
    get_file_url,
    local_path,
    read_bytes,
    read_file,
    read_text,
    resolve_file_url,
    save_file,
    save_files,
    update_file,
)
from filesync_web.api.image_preprocessor import image_preprocessor
from filesync_web.api.images import preview_data_url, thumbnail_url
from filesync_web.api.instance import (
    dispose_file_sync,
    get_file_sync,
    init_file_sync,
    start_file_sync,
    stop_file_sync,
)
from filesync_web.api.mounting import mount
from filesync_web.api.orphans import drop_orphan, list_orphans, recover_orphan
from filesync_web.api.python_files import create_file, open_file
from filesync_web.api.reports import debug_report
from filesync_web.api.service_worker import (
    clear_service_worker_cache,
    prefetch_files,
    register_file_sync_service_worker,
    unregister_file_sync_service_worker,
)
from filesync_web.api.space import (
    collect_garbage,
    evict_file,
    free_space,
    pin_file,
    storage_status,
    unpin_file,
)
from filesync_web.api.transfers import (
    cancel_transfer,
    is_online,
    on_file_sync_event,
    pause_transfer,
    prioritize_download,
    resume_transfer,
    retry_errors,
    trigger_sync,
    wait_until_synced,
)
from filesync_web.api.versions import (
    list_conflicts,
    list_deleted,
    list_versions,
    purge_file,
    read_version,
    resolve_conflict,
    restore_file,
    restore_version,
    set_version_policy,
    version_policy,
)

__all__ = [
    "cancel_transfer",
    "clear_service_worker_cache",
    "collect_garbage",
    "create_file",
    "debug_report",
    "delete_file",
    "dispose_file_sync",
    "drop_orphan",
    "evict_file",
    "free_space",
    "get_file_sync",
    "get_file_url",
    "image_preprocessor",
    "init_file_sync",
    "is_online",
    "list_conflicts",
    "list_deleted",
    "list_orphans",
    "list_versions",
    "local_path",
    "mount",
    "on_file_sync_event",
    "open_file",
    "pause_transfer",
    "pin_file",
    "prefetch_files",
    "preview_data_url",
    "prioritize_download",
    "purge_file",
    "read_bytes",
    "read_file",
    "read_text",
    "read_version",
    "recover_orphan",
    "register_file_sync_service_worker",
    "rename_file",
    "resolve_conflict",
    "resolve_file_url",
    "restore_file",
    "restore_version",
    "resume_transfer",
    "retry_errors",
    "save_file",
    "save_files",
    "set_metadata",
    "set_version_policy",
    "start_file_sync",
    "stop_file_sync",
    "storage_status",
    "thumbnail_url",
    "trigger_sync",
    "unpin_file",
    "unregister_file_sync_service_worker",
    "update_file",
    "version_policy",
    "wait_until_synced",
]
