"""Preprocessors: functions that an app registers by MIME type to change a file before it is saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from filesync_web.aio.resolved import resolved
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import FileMetadata
from filesync_web.ports import Source


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """A preprocessor's answer with metadata of the new content."""

    source: Source
    metadata: FileMetadata


Preprocessor = Callable[[Source], Any | Awaitable[Any]]
Preprocessors = Mapping[str, Preprocessor]
"""Keys are MIME patterns: `image/png`, `image/*`, or `*`; the most specific one wins."""


def find_preprocessor(preprocessors: Preprocessors, mime_type: str) -> Preprocessor | None:
    """The preprocessor for a MIME type (parameters and case do not count)."""
    essence = mime_type.partition(";")[0].strip().lower()
    family = essence.partition("/")[0]
    for pattern in (essence, f"{family}/*", "*", "*/*"):
        if pattern in preprocessors:
            return preprocessors[pattern]
    return None


async def preprocess(preprocessors: Preprocessors, source: Source, mime_type: str) -> Preprocessed:
    """The source to save instead of `source`, which is the same when no preprocessor fits."""
    function = find_preprocessor(preprocessors, mime_type)
    if function is None:
        return Preprocessed(source, FileMetadata())
    result = await resolved(function, source)
    return result if isinstance(result, Preprocessed) else Preprocessed(result, FileMetadata())
