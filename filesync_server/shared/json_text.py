"""JSON text from outside, with a bound on its nesting.

How deep a parser goes before it gives up, or takes the interpreter with it, differs between versions and
builds of Python. What one accepts and stores, another might never be able to read again. So the depth is
measured on the text, before it is parsed.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

MAX_DEPTH = 256
"""How deep arrays and objects may be nested in what a client sends. Every parser goes much deeper, also when
the server has wrapped what it was sent into an answer."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class TooDeepError(ValueError):
    """The text is nested more deeply than `MAX_DEPTH`."""


def parse_json(text: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError, of which TooDeepError is one."""
    decoded = text.decode()
    check_depth(decoded)
    return json.loads(decoded)


def check_depth(text: str) -> None:
    """Raises TooDeepError. Takes time in proportion to the text's length, also when it is no JSON at all."""
    raw = text.encode("utf-8", "surrogatepass")
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise TooDeepError(f"JSON may be nested {MAX_DEPTH} levels deep, and this is nested deeper")
