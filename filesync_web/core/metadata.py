"""`metadataJson` of a file record: its wire form and its typed form.

Wire: `{"mimeType"?, "sizeBytes"?, "image"?: {"width", "height"}, "preview"?, "custom"?: {...}}`. The kit
always writes the MIME type and the size, and the original file name as `custom.name`. `preview` is this kit's
own: the ThumbHash of a picture in base64. livestore-filesync reads past it, and drops it when it edits the
file.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import DEFAULT_MIME_TYPE, check_mime_type, clean_mime_type
from filesync_web.core.text import clean_text
from filesync_web.core.thumb_hash import MAX_BYTES, is_thumb_hash
from filesync_web.errors import InvalidArgumentError

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

MAX_SAFE_INTEGER = 2**53 - 1
"""JavaScript counts no further, so that no size or side of a picture can be larger."""
MAX_NAME = 255
"""Characters of a name that are shown."""
_MAX_PREVIEW = (MAX_BYTES + 2) // 3 * 4  # characters


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What is known about a file's content. `size_bytes` in bytes, `width` and `height` in pixels; `preview`
    is the ThumbHash of a picture, for `preview_data_url`."""

    mime_type: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    preview: bytes | None = None

    @property
    def name(self) -> str | None:
        """The original file name, when one was recorded; no longer than a file system would have it."""
        name = self.custom.get("name")
        return name[:MAX_NAME] if isinstance(name, str) else None

    @property
    def content_type(self) -> str:
        """The MIME type to send the content with."""
        return self.mime_type or DEFAULT_MIME_TYPE

    def merged_over(self, base: FileMetadata) -> FileMetadata:
        """These values, with those of `base` where this has none; custom keys of both, this one's first."""
        return replace(
            base,
            **{
                key: value
                for key in ("mime_type", "size_bytes", "width", "height", "preview")
                if (value := getattr(self, key)) is not None
            },
            custom={**base.custom, **self.custom},
        )


def check_metadata(metadata: object) -> FileMetadata:
    """What a caller says of a file, its type cleaned; raises `InvalidArgumentError` for what nobody could
    read back."""
    if not isinstance(metadata, FileMetadata):
        raise InvalidArgumentError(f"metadata is a FileMetadata, not {metadata!r:.100}")
    for name in ("size_bytes", "width", "height"):
        value = getattr(metadata, name)
        if value is not None and _natural(value) is None:
            raise InvalidArgumentError(f"{name} is a whole number from 0, not {value!r:.100}")
    preview = metadata.preview
    if preview is not None and not (isinstance(preview, bytes) and is_thumb_hash(preview)):
        raise InvalidArgumentError(f"preview is a ThumbHash of at most 25 bytes, not {preview!r:.100}")
    if not isinstance(metadata.custom, Mapping) or not all(isinstance(key, str) for key in metadata.custom):
        raise InvalidArgumentError(
            f"custom metadata is a mapping with text as keys, not {metadata.custom!r:.100}"
        )
    if metadata.mime_type is None:
        return metadata
    return replace(metadata, mime_type=check_mime_type(metadata.mime_type))


def encode_metadata(metadata: FileMetadata) -> str:
    """The `metadataJson` of `metadata`; raises `InvalidArgumentError` when a custom value is no JSON."""
    value: dict[str, Any] = {}
    if metadata.mime_type is not None:
        value["mimeType"] = metadata.mime_type
    if metadata.size_bytes is not None:
        value["sizeBytes"] = metadata.size_bytes
    if metadata.width is not None and metadata.height is not None:
        value["image"] = {"width": metadata.width, "height": metadata.height}
    if metadata.preview is not None:
        value["preview"] = b64encode(metadata.preview).decode()
    if metadata.custom:
        value["custom"] = dict(metadata.custom)
    try:
        text = _encode(value)
        text.encode()  # a lone surrogate is a ValueError
        parse_json(text)  # what could not be read back must not be written
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"the metadata of a file must be JSON (RFC 8259): {error}") from error


def parse_metadata(metadata_json: str | None) -> FileMetadata:
    """The typed form of `metadataJson`; what is missing or malformed (another client wrote it) is left
    out."""
    try:
        value = parse_json(metadata_json or "{}")
    except ForeignTextError:
        return FileMetadata()
    if not isinstance(value, dict):
        return FileMetadata()
    if metadata_json and "\\u" in metadata_json:  # spelled out, as lone surrogates are
        value = _clean(value)
    image = value.get("image")
    image = image if isinstance(image, dict) else {}
    custom = value.get("custom")
    mime_type = value.get("mimeType")
    return FileMetadata(
        mime_type=(clean_mime_type(mime_type) or None) if isinstance(mime_type, str) else None,
        size_bytes=_natural(value.get("sizeBytes")),
        width=_natural(image.get("width")),
        height=_natural(image.get("height")),
        custom=custom if isinstance(custom, dict) else {},
        preview=_preview(value.get("preview")),
    )


def _preview(value: Any) -> bytes | None:
    """The ThumbHash that somebody has written; None for whatever else it is."""
    if not isinstance(value, str) or len(value) > _MAX_PREVIEW:
        return None
    try:
        data = b64decode(value, validate=True)
    except ValueError:
        return None
    return data if is_thumb_hash(data) else None


def _clean(value: Any) -> Any:
    """A JSON value whose texts can be written again."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _clean(item) for key, item in value.items()}
    return value


def _natural(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_SAFE_INTEGER else None
