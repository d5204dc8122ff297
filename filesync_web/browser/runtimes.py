"""Where Pyodide runs without a browser: in Node, Deno and the like, where nothing could be kept."""

from __future__ import annotations

import js

from filesync_web.errors import StorageUnavailableError

_NAMES = {"Deno": "Deno", "Bun": "Bun", "process": "Node"}
"""What is called how by its global object; the others have Node's too."""


def no_browser() -> StorageUnavailableError:
    """Says where this is, and what it lacks."""
    here = next((name for mark, name in _NAMES.items() if hasattr(js, mark)), "a place without a browser")
    js_navigator = getattr(js, "navigator", None)
    needed = {
        "IndexedDB": hasattr(js, "indexedDB"),
        "OPFS": hasattr(getattr(js_navigator, "storage", None), "getDirectory"),
        "Web Locks": hasattr(js_navigator, "locks"),
    }
    missing = ", ".join(name for name, is_there in needed.items() if not is_there)
    return StorageUnavailableError(
        f"this is Pyodide in {here}, which can keep no files (missing: {missing}): run it in a browser, or"
        " take Python itself, with filesync-web[native]"
    )
