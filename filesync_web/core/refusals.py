"""Why an object store refuses a request, by its own words: S3 answers XML with a code and a message.

    <Error><Code>AccessDenied</Code><Message>Request has expired</Message>...</Error>

The embedded store answers as the signer does: `{"error": "the URL has expired"}`.
"""

from __future__ import annotations

import json
import re

from filesync_web.core.light_dataclass import dataclass

MAX_SHOWN = 300
"""Characters of somebody else's text that an error message quotes."""

_LOOKED_AT = 64 << 10
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,100})\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_JSON_ERROR = re.compile(r'\s*\{\s*"error"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Refusal:
    """Code and message; both "" where the answer says nothing."""

    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.message) if part)


def read_refusal(body: bytes) -> Refusal:
    """What the body of a refusal says."""
    text = body[:_LOOKED_AT].decode("utf-8", "replace")
    if in_json := _JSON_ERROR.match(text):
        return Refusal("", quoted(_unescaped(in_json[1])))
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return Refusal(code[1] if code else "", quoted(_plain(message[1])) if message else "")


def _plain(markup: str) -> str:
    import html  # most pages never need it

    try:
        return html.unescape(markup)
    except ValueError:  # a character reference of thousands of digits
        return markup


def _unescaped(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal


def quoted(text: str) -> str:
    """Somebody else's text as an error message may quote it: one line, not long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_SHOWN]).split())
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"
