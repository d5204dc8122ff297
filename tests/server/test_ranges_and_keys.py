"""The two pure rule books: byte ranges and object keys."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filesync_server.objects.keys import InvalidKeyError, clean_key, content_hash_of
from filesync_server.objects.ranges import ByteRange, UnsatisfiableRangeError, parse_range
from filesync_server.shared.identity import store_of


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-3", ByteRange(0, 4)),
        ("bytes=4-", ByteRange(4, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("bytes=8-99", ByteRange(8, 10)),
        ("bytes=9-9", ByteRange(9, 10)),
        ("Bytes = 1-2 ", ByteRange(1, 3)),
        ("bytes=0-1,3-4", None),
        ("bytes=5-2", None),
        ("bytes=a-b", None),
        ("bytes=--1", None),
        ("lines=0-1", None),
        ("bytes=\u0661-", None),
    ],
)
def test_range_is_understood_or_ignored(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-0", 10), ("bytes=-1", 0)]
)
def test_range_outside_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, size)


@settings(deadline=None)
@given(st.text(alphabet="bytes=0123456789-, ", max_size=30), st.integers(0, 50))
def test_a_range_is_inside_of_the_object_and_not_empty(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except UnsatisfiableRangeError:
        return
    assert found is None or 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "//a",
        "a//b",
        "a/",
        "a/.",
        "../a",
        "a/../b",
        ".",
        "a\\b",
        "a\nb",
        "a\x00",
        "a\x85b",
        "\ud800",
        "x" * 1025,
    ],
)
def test_bad_keys_are_refused(key: str) -> None:
    with pytest.raises(InvalidKeyError):
        clean_key(key)


@pytest.mark.parametrize("key", [None, 1, ["a"], {}])
def test_a_key_is_a_string(key: object) -> None:
    with pytest.raises(InvalidKeyError):
        clean_key(key)


def test_good_keys_have_one_spelling() -> None:
    assert clean_key("/a/b") == "a/b"
    assert clean_key("é" * 512) == "é" * 512
    assert clean_key("..a/b..") == "..a/b.."


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_clean_key_stays_as_it_is(text: str) -> None:
    try:
        key = clean_key(text)
    except InvalidKeyError:
        return
    assert clean_key(key) == key
    assert not key.startswith("/")


def test_a_keys_store_is_its_whole_first_segment() -> None:
    assert store_of("a/b/c") == "a"
    assert store_of("ab/c") == "ab"
    assert store_of("a") == "a"


def test_the_content_hash_is_the_last_segment() -> None:
    assert content_hash_of(f"store/{'0' * 64}") == "0" * 64
    assert content_hash_of(f"store/{'A' * 64}") is None
    assert content_hash_of(f"{'0' * 64}/name") is None
