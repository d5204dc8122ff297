"""The bound on the nesting of JSON text from outside."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_server.shared.json_text import MAX_DEPTH, TooDeepError, check_depth, parse_json

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a[]{}"\\\n\ud800ü'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\[{'), inner, max_size=3),
)


def depth_of(value: Any) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth_of, members), default=0)


@given(VALUES, st.booleans())
def test_the_depth_is_that_of_arrays_and_objects_whatever_the_strings_are(
    value: Any, ascii_only: bool
) -> None:
    room = MAX_DEPTH - depth_of(value)
    text = json.dumps(value, ensure_ascii=ascii_only)
    check_depth("[" * room + text + "]" * room)
    with pytest.raises(TooDeepError):
        check_depth("[" * (room + 1) + text + "]" * (room + 1))


def test_many_brackets_are_not_deep() -> None:
    assert len(parse_json(b"[" + b"[{}]," * 5000 + b"[]]")) == 5001


@pytest.mark.parametrize(
    "text", [b"\xff\xfe[\0]\0", b"\xff", b"", b"{", b"[" * 5000, b"[" * 5000 + b"]" * 5000]
)
def test_what_is_no_json_in_utf_8_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize("piece", ["[", "]", "[]", '"', '\\"', '"\\"', '"["', "{"])
def test_no_text_of_a_mebibyte_takes_long(piece: str) -> None:
    text = '"' + piece * (1024**2 // len(piece))
    started = time.perf_counter()
    for candidate in (text, text[1:]):
        try:
            check_depth(candidate)
        except TooDeepError:
            continue
    assert time.perf_counter() - started < 5, "it is not linear"
