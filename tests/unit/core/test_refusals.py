"""What the body of a refusal says, whoever has written it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.refusals import MAX_SHOWN, Refusal, quoted, read_refusal


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", Refusal()),
        (b"<html><h1>Bad gateway</h1></html>", Refusal()),
        (b"<Error><Code>SlowDown</Code></Error>", Refusal("SlowDown")),
        (
            b"<Error>\n  <Code> AccessDenied </Code>\n<Message>a &lt;b&gt;\n\tc</Message></Error>",
            Refusal("AccessDenied", "a <b> c"),
        ),
        (b'{"error": "the URL has \\"expired\\""}', Refusal("", 'the URL has "expired"')),
        (b'{"error": 5}', Refusal()),
        (b"<Message>&#" + b"9" * 5000 + b";</Message>", Refusal("", "&#" + "9" * (MAX_SHOWN - 3) + "…")),
        (b"<Error><Code>not a code!</Code></Error>", Refusal()),
    ],
)
def test_code_and_message(body: bytes, refusal: Refusal) -> None:
    assert read_refusal(body) == refusal


def test_both_are_shown_in_one_line() -> None:
    assert str(Refusal("SlowDown", "later")) == "SlowDown: later"
    assert str(Refusal("SlowDown")) == "SlowDown"
    assert str(Refusal()) == ""


@given(st.binary() | st.builds(lambda t: f"<Message>{t}</Message>".encode("utf-8", "replace"), st.text()))
def test_whatever_it_is_it_is_short_and_printable(body: bytes) -> None:
    shown = str(read_refusal(body))
    assert shown.isprintable()
    assert len(shown) <= MAX_SHOWN + 102


def test_a_long_body_takes_no_time() -> None:
    began = time.process_time()
    for body in (b"<Message>" * 1_000_000, b'{"error": "' + b"\\" * 5_000_000, b"<Code>" + b" " * 5_000_000):
        read_refusal(body)
    assert time.process_time() - began < 0.5
    assert len(quoted("x" * 10_000_000)) == MAX_SHOWN
