"""JSON of others: what is read, what is refused before the parser sees it, and what it costs no one else."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from filesync_web.core.foreign import MAX_DEPTH, ForeignTextError, parse_json


def nested(levels: int, inner: str = "") -> str:
    return "[" * levels + inner + "]" * levels


def objects(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    "value",
    [
        None,
        -1.5,
        "é\ud800😀",
        {"a": [1, {"b": ']]]] [[[[ \\" \\'}]},
        ["[" * 300, "]" * 300, '"', "\\", '\\"', "\\\\"],
    ],
)
def test_what_is_json_is_read(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert parse_json(text) == value
    assert parse_json(json.dumps(value).encode()) == value


def test_depth_is_that_of_brackets_outside_strings() -> None:
    for text in (nested(MAX_DEPTH), objects(MAX_DEPTH), nested(MAX_DEPTH, json.dumps("[" * 999 + '\\"'))):
        parse_json(text)
    many = json.dumps([["]", '"[', "\\"]] * 1000)
    assert len(parse_json(many)) == 1000


DEEP = {
    "one too many": nested(MAX_DEPTH + 1),
    "objects": objects(MAX_DEPTH + 1),
    "what is fatal in Pyodide": nested(6_000),
    "metadata": '{"custom":' + nested(6_000) + "}",
    "open brackets only": "[" * 1_000_000,
    "open objects only": '{"a":' * 200_000,
    # Closing brackets inside strings close nothing, whatever stands before their quotes.
    "closed in a string": '["]' + "]" * 6_000 + '",' + nested(6_000) + "]",
    "behind an escaped quote": '["\\"' + "]" * 6_000 + '",' + nested(6_000) + "]",
    "behind an escaped backslash": '["\\\\","' + "]" * 6_000 + '",' + nested(6_000) + "]",
    "behind both": '["\\\\\\"' + "]" * 6_000 + '",' + nested(6_000) + "]",
    "with white space": nested(6_000).replace("[", " [ \n"),
    "bytes": nested(6_000).encode(),
    "bytes that are not ASCII": b'["' + "é".encode() + b'",' + nested(6_000).encode() + b"]",
}


@pytest.mark.parametrize("case", DEEP)
def test_what_is_nested_too_deep_is_refused(case: str) -> None:
    with pytest.raises(ForeignTextError, match="deeper than 256 levels"):
        parse_json(DEEP[case])


NO_JSON: list[str | bytes] = [
    *("", "[", "]", "nul", '{"a":1,}', "'a'", '"', '"\\', '{"a":NaN}', "Infinity", "1e999", "-1e999", "\x00"),
    *("1" * 5_000, b"\xff", "[]".encode("utf-16"), b"\xef\xbb\xbf[]", "[1][" + "[" * 9_999),
    "]" * 9_999 + "[" * 9_999,
]


@pytest.mark.parametrize("case", range(len(NO_JSON)))
def test_what_is_no_json_is_refused(case: int) -> None:
    with pytest.raises(ForeignTextError):
        parse_json(NO_JSON[case])


def test_what_is_too_large_is_refused() -> None:
    assert parse_json('"1234"', max_bytes=6) == "1234"
    with pytest.raises(ForeignTextError, match="more than 5 bytes"):
        parse_json('"1234"', max_bytes=5)


def test_integers_may_be_judged() -> None:
    def even(digits: str) -> int:
        if int(digits) % 2:
            raise ValueError(f"{digits} is odd")
        return int(digits)

    assert parse_json('{"a": 2, "b": 1.5, "c": "3"}', parse_int=even) == {"a": 2, "b": 1.5, "c": "3"}
    with pytest.raises(ForeignTextError, match="3 is odd"):
        parse_json("[3]", parse_int=even)


def test_a_deep_value_in_an_envelope_costs_only_itself() -> None:
    good, bad = nested(MAX_DEPTH), nested(MAX_DEPTH + 1)
    text = f'{{"batch":[{{"args":{good}}},{{"args":{bad}}},{{"args":{objects(6_000)}}},{{"args":"]"}}]}}'
    read = parse_json(text, envelope=3)
    assert [event["args"] for event in read["batch"]] == [json.loads(good), None, None, "]"]
    assert parse_json(nested(6_000), envelope=0) is None
    assert parse_json(nested(MAX_DEPTH), envelope=0) == json.loads(nested(MAX_DEPTH))


def test_a_number_in_an_envelope_that_is_too_large_costs_only_itself() -> None:
    text = f'{{"batch":[[1e400, -1e999, 1e308, {"9" * 5_000}, -{"9" * 310}, {10**308}, -0, 1.5, -7]]}}'
    assert parse_json(text, envelope=2)["batch"] == [[None, None, 1e308, None, None, 10**308, 0, 1.5, -7]]
    for number in ("1e400", "9" * 5_000):
        with pytest.raises(ForeignTextError):
            parse_json(number)


def test_what_ends_inside_a_deep_value_is_refused() -> None:
    for text in ("[" * 9_999, '{"a":' * 9_999, '["' + '\\"' * 99 + '",' + "[" * 9_999):
        with pytest.raises(ForeignTextError):
            parse_json(text, envelope=3)


def test_depths_agree_with_a_parser_that_counts() -> None:
    """Random texts of the characters that matter: never is more let through than the limit."""
    rng = random.Random(5)
    parts = ["[", "{", '"a":', "]", "}", ",", '"', "\\", "\\\\", '\\"', "1", '"[[', ']]"', " "]
    for _ in range(20_000):
        text = "".join(rng.choices(parts, k=rng.randint(1, 14)))
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        deep = _depth_of(value)
        if deep > 2:
            with pytest.raises(ForeignTextError):
                parse_json(text, max_depth=2)
        elif value is not None:
            assert parse_json(text, max_depth=2) == value


def _depth_of(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth_of, value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("part", ["[", "]", '"', '\\"', "\\", "[]", '"a",', '{"a":'])
def test_no_text_takes_long_to_judge(part: str) -> None:
    text = part * (1_000_000 // len(part))
    for envelope in (None, 2):
        began = time.perf_counter()
        with pytest.raises(ForeignTextError):
            parse_json('["' + text, envelope=envelope)
        with pytest.raises(ForeignTextError):
            parse_json("[" + text, envelope=envelope)
        assert time.perf_counter() - began < 10
