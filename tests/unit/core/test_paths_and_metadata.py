"""Paths, keys and metadata: the forms on the wire, and what is refused."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.metadata import FileMetadata, check_metadata, encode_metadata, parse_metadata
from filesync_web.core.paths import check_store_id, file_path, remote_key
from filesync_web.errors import InvalidArgumentError

HASH = "0123456789abcdef" * 4


def test_the_path_scheme() -> None:
    path = file_path("shop-1", HASH)
    assert path == f"livestore-filesync-files/shop-1/{HASH}"
    assert remote_key(path) == f"shop-1/{HASH}"


@pytest.mark.parametrize("store_id", ["a/b", "a b", "", ".", "..", "é", "x" * 129, "a\n", None])
def test_store_ids_that_could_share_a_folder_are_refused(store_id: str) -> None:
    with pytest.raises(InvalidArgumentError, match="store id"):
        check_store_id(store_id)


@pytest.mark.parametrize(
    "path", ["", "other/s/" + HASH, "livestore-filesync-files", "livestore-filesync-files/"]
)
def test_what_is_no_file_path_has_no_key(path: str) -> None:
    with pytest.raises(InvalidArgumentError):
        remote_key(path)


def test_metadata_has_the_wire_contracts_form() -> None:
    full = FileMetadata("image/png", 12, 3, 4, {"name": "a.png"})
    text = '{"mimeType":"image/png","sizeBytes":12,"image":{"width":3,"height":4},"custom":{"name":"a.png"}}'
    assert encode_metadata(full) == text
    assert parse_metadata(text) == full
    assert parse_metadata(text).name == "a.png"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["mimeType", "sizeBytes", "image", "x"]), inner)
    ),
)


@given(JSON)
def test_whatever_another_client_wrote_can_be_read(value: object) -> None:
    import json

    assert isinstance(parse_metadata(json.dumps(value)), FileMetadata)


DEEP = "[" * 6_000 + "]" * 6_000
MALFORMED = [
    *(None, "", "{", "[]", '"x"', '{"sizeBytes": -1}', '{"sizeBytes": 1e400}', '{"custom": {"a": NaN}}'),
    *('{"sizeBytes": 9007199254740992}', '{"image": {"width": 1e300, "height": true}}'),
    *(f'{{"custom":{DEEP}}}', f'{{"custom":{{"a":{DEEP}}}}}', f'{{"mimeType":{DEEP}}}'),
]


@pytest.mark.parametrize("case", range(len(MALFORMED)))
def test_malformed_metadata_is_left_out(case: int) -> None:
    assert parse_metadata(MALFORMED[case]) == FileMetadata()


def test_what_could_not_be_read_back_is_not_written() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    for custom in ({"a": deep}, {"a": float("nan")}, {"a": {1, 2}}):
        with pytest.raises(InvalidArgumentError, match="must be JSON"):
            encode_metadata(FileMetadata(custom=custom))


def test_a_preview_is_kept_beside_the_rest() -> None:
    preview = b64decode("WNgJFAwwGIdIiJR3iJetjw3CyA==")
    text = encode_metadata(FileMetadata("image/png", preview=preview))
    assert text == '{"mimeType":"image/png","preview":"WNgJFAwwGIdIiJR3iJetjw3CyA=="}'
    assert parse_metadata(text).preview == preview
    assert FileMetadata().merged_over(parse_metadata(text)).preview == preview


@pytest.mark.parametrize("wrong", [b"", b"x" * 25, "WNgJFAwwGIdIiJR3iJetjw3CyA=="])
def test_a_preview_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="preview"):
        check_metadata(FileMetadata(preview=wrong))


def test_merging_keeps_what_is_known() -> None:
    base = FileMetadata("text/plain", 5, custom={"name": "a", "x": 1})
    merged = FileMetadata(mime_type="text/html", custom={"x": 2}).merged_over(base)
    assert merged == FileMetadata("text/html", 5, custom={"name": "a", "x": 2})


HOSTILE = [
    '{"sizeBytes": 1e308, "image": {"width": 1e999, "height": 2}}',
    '{"sizeBytes": %s}' % ("9" * 400),
    '{"sizeBytes": 9007199254740992, "image": {"width": -1, "height": 3.5}}',
    '{"sizeBytes": NaN}',
    '{"custom": {"x": Infinity}}',
    '{"custom": {"x": %s}}' % ("9" * 5000),
    '{"custom": %s}' % ("[" * 300 + "]" * 300),
    '{"custom": {"name": "\\ud800", "\\udfff": ["\\ud800"]}}',
    '{"custom": {"name": "%s"}}' % ("n" * 500_000),
    '{"mimeType": "imäge/png", "custom": {"name": 5}}',
    '{"mimeType": "image/png\\nx: y"}',
    '{"preview": "%s"}' % ("A" * 500_000),
    '{"preview": ["WNgJFAwwGIdIiJR3iJetjw3CyA=="]}',
    '{"preview": "WNgJFAwwGIdIiJR3iJetjw3CyA"}',
    '{"preview": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}',
    '{"preview": "\\ud800"}',
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_what_others_say_is_read_into_bounds_and_can_be_written_again(text: str) -> None:
    metadata = parse_metadata(text)
    for number in (metadata.size_bytes, metadata.width, metadata.height):
        assert number is None or 0 <= number < 2**53
    assert metadata.mime_type is None or metadata.mime_type.isascii()
    assert metadata.preview is None
    assert metadata.name is None or len(metadata.name) <= 255
    assert parse_metadata(encode_metadata(metadata)) == metadata
    assert check_metadata(metadata) == metadata
