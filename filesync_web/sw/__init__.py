"""The service worker: its JavaScript source, and the generator that makes one file of it.

Used at build time, on CPython; `python -m filesync_web service-worker` is its command line.
"""

from __future__ import annotations

from filesync_web.sw.generator import (
    DEFAULT_EXCLUDES,
    SCRIPT_NAME,
    ServiceWorkerOptions,
    precache_entries,
    render_service_worker,
    write_service_worker,
)

__all__ = [
    "DEFAULT_EXCLUDES",
    "SCRIPT_NAME",
    "ServiceWorkerOptions",
    "precache_entries",
    "render_service_worker",
    "write_service_worker",
]
