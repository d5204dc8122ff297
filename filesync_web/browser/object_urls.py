"""Object URLs of stored files, that cannot become pages.

A browser that opens an object URL gives it the origin of the page that made it: an HTML file that somebody
else has saved would run as the app, with all its data. So what could run has the type
`application/octet-stream` there, which a browser only downloads. A drawing (SVG) is shown by `<img>` only
under its own type; it gets a `data:` URL, which browsers open as a page of no origin, or not at all.
"""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import to_js

from filesync_web.browser.js_util import js_object
from filesync_web.core.media_types import inert_mime_type


class ObjectUrls:
    """One URL for each content and type; each lives until it is revoked, or this page or worker ends."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], tuple[str, Any]] = {}

    def url(self, content_hash: str, js_file: Any, mime_type: str) -> str:
        """The URL of a stored file; with "" for the type any that was made of it before.

        It is another one when the file was removed and stored again: the browser does not serve the new one
        at the old URL.
        """
        key = self._key(content_hash, mime_type)
        url, js_made_of = self._made.get(key, ("", None))
        if js_made_of is not None and _is_same(js_file, js_made_of):
            return url
        js.URL.revokeObjectURL(url)
        url = str(js.URL.createObjectURL(named_file(js_file, *key)))
        self._made[key] = url, js_file
        return url

    def _key(self, content_hash: str, mime_type: str) -> tuple[str, str]:
        made_before = (key for key in self._made if key[0] == content_hash and not mime_type)
        return next(made_before, (content_hash, inert_mime_type(mime_type)))

    def revoke(self, content_hash: str) -> None:
        """Let go of all URLs of a content."""
        for key in [key for key in self._made if key[0] == content_hash]:
            js.URL.revokeObjectURL(self._made.pop(key)[0])

    def revoke_all(self) -> None:
        """Let go of all URLs."""
        for content_hash, _type in list(self._made):
            self.revoke(content_hash)


def named_file(js_file: Any, name: str, mime_type: str) -> Any:
    """The same bytes as a `File` of that name and type."""
    about = {"type": mime_type, "lastModified": js_file.lastModified}
    return js.File.new(to_js([js_file]), name, js_object(about))


def _is_same(js_one: Any, js_other: Any) -> bool:
    return bool(js_one.lastModified == js_other.lastModified and js_one.size == js_other.size)
