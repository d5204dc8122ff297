"""MIME types of files: which can be recorded, and which one a name suggests.

A type is sent as a header, and is part of what the signer signs. One that no header can carry would let
each upload fail for good. So what is recorded has the form of RFC 9110, 8.3.1, and at most 255 characters;
what the signer takes is no narrower. Where a caller gives the type it is cleaned or refused; where a source
or another client gives it, a wrong one counts as none.
"""

from __future__ import annotations

import mimetypes
import re

from filesync_web.errors import InvalidArgumentError

DEFAULT_MIME_TYPE = "application/octet-stream"
SVG = "image/svg+xml"
MAX_LENGTH = 255

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_MIME_TYPE = re.compile(rf"{_WORD}/{_WORD}(?: *; *{_WORD}=(?:{_WORD}|{_QUOTED}))* *;?")

# What a browser may run or guess at: markup, scripts, several parts in one, and what it does not know.
_ACTIVE = re.compile(
    r".*(?:html|xml|xsl|(?:java|ecma|j|live)script[0-9.]*)|(?:multipart|message)/.*|.*unknown|\*/\*"
)

_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


def clean_mime_type(value: str) -> str:
    """The type without the space around it; "" when it is none."""
    text = value.strip()
    return text if len(text) <= MAX_LENGTH and _MIME_TYPE.fullmatch(text) else ""


def check_mime_type(value: object) -> str:
    """The cleaned type that a caller gives; raises `InvalidArgumentError` when it is none."""
    cleaned = clean_mime_type(value) if isinstance(value, str) else ""
    if not cleaned:
        raise InvalidArgumentError(
            f"mime_type {value!r:.100} is none: it looks like 'image/png' or 'text/plain; charset=utf-8', in "
            f"ASCII, with at most {MAX_LENGTH} characters"
        )
    return cleaned


def guess_mime_type(name: str) -> str:
    """What the end of a file name says; `DEFAULT_MIME_TYPE` when it says nothing.

    Of compressed content (`data.csv.gz`) it is the type of the compression: the bytes are no CSV.
    """
    plain = name.replace(":", "_")  # `guess_type` takes what has a colon for a URL
    inner, compression = mimetypes.guess_type(plain, strict=False)
    if compression is not None:
        return _COMPRESSED.get(compression, DEFAULT_MIME_TYPE)
    return inner or DEFAULT_MIME_TYPE


def essence(mime_type: str) -> str:
    """The type alone: without its parameters, in lower case."""
    return mime_type.partition(";")[0].strip().lower()


def inert_mime_type(mime_type: str) -> str:
    """The type under which a browser shows or downloads content, but does not run it as a page or script.

    It is the same type when it is harmless, `DEFAULT_MIME_TYPE` for all that could run, and for none.
    """
    cleaned = clean_mime_type(mime_type)
    return DEFAULT_MIME_TYPE if not cleaned or _ACTIVE.fullmatch(essence(cleaned)) else cleaned
