"""What a file is to the gallery: how it is shown on its card, and by what it is opened."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

import filesync_web as fs


class Kind(StrEnum):
    """The kinds of files that are shown each in a way of its own."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"
    PDF = "pdf"
    TEXT = "text"
    OTHER = "file"


SVG = "image/svg+xml"
PDF = "application/pdf"
TEXT_TYPES = {
    "application/json",
    "application/xml",
    "application/toml",
    "application/yaml",
    "application/sql",
}
TEXT_ENDINGS = {
    *(".csv", ".tsv", ".json", ".jsonl", ".log", ".md", ".rst", ".tex", ".txt", ".srt", ".vtt", ".ini"),
    *(".cfg", ".conf", ".toml", ".yaml", ".yml", ".xml", ".html", ".css", ".js", ".ts", ".py", ".sh", ".sql"),
}
NOT_SHOWN = {
    **dict.fromkeys((".heic", ".heif", "image/heic", "image/heif"), "HEIC"),
    **dict.fromkeys((".tif", ".tiff", "image/tiff"), "TIFF"),
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", "image/x-adobe-dng"), "raw"),
    **dict.fromkeys((".psd", "image/vnd.adobe.photoshop"), "Photoshop"),
}
"""Pictures that most browsers cannot show, by their ending or type, with what they are called."""


def kind_of(metadata: fs.FileMetadata) -> Kind:
    """The kind of a file; one of unknown type is given the chance to be a picture."""
    mime_type, ending = essence(metadata), PurePath(metadata.name or "").suffix.lower()
    family = mime_type.partition("/")[0]
    if family in {"video", "audio"}:
        return Kind(family)
    if metadata.width is not None or family in {"image", ""}:
        return Kind.PICTURE
    if mime_type == PDF:
        return Kind.PDF
    is_text = family == "text" or mime_type in TEXT_TYPES or mime_type.endswith(("+json", "+xml"))
    return Kind.TEXT if is_text or ending in TEXT_ENDINGS else Kind.OTHER


def is_picture(metadata: fs.FileMetadata) -> bool:
    """Whether to try and show a file as an image."""
    return kind_of(metadata) is Kind.PICTURE


def is_drawing(metadata: fs.FileMetadata) -> bool:
    """Whether a picture is one of vectors: good at any size, and meant to be seen as a whole."""
    return essence(metadata) == SVG


def not_shown(metadata: fs.FileMetadata) -> str:
    """What pictures of a type are called that most browsers cannot show; empty for all others."""
    ending = PurePath(metadata.name or "").suffix.lower()
    return NOT_SHOWN.get(essence(metadata)) or NOT_SHOWN.get(ending, "")


def essence(metadata: fs.FileMetadata) -> str:
    """The MIME type without its parameters; empty when it is not known."""
    return (metadata.mime_type or "").partition(";")[0].strip().lower()
