"""What a report leaves out of the texts that others wrote."""

from __future__ import annotations

import pytest

from filesync_web.inspector.redaction import Redaction


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "https://s3.example/b/k?X-Amz-Signature=ab12&X-Amz-Date=3 answered",
            "https://s3.example/b/k?… answered",
        ),
        ("wss://ann:pw@host/sync?payload=%7B%7D#frag", "wss://…@host/sync?…"),
        ("https://app.example/#token-abc", "https://app.example/?…"),
        ("/objects/s/ab?signature=12 (403)", "/objects/s/ab?… (403)"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: … …"),
        ("a bearer of bad news", "a bearer of bad news"),
        ("{'authToken': 'abc', 'x': 1}", "{'authToken': …, 'x': 1}"),
        ('{"password":"p w","a":2}', '{"password":…,"a":2}'),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln is expired", "… is expired"),
        ("data:text/plain;base64,SGVsbG8= was given", "data:… was given"),
        ("is base_url right? the token was refused", "is base_url right? the token was refused"),
        ("SignatureDoesNotMatch: check your key", "SignatureDoesNotMatch: check your key"),
    ],
)
def test_secrets_by_their_looks(text: str, left: str) -> None:
    assert Redaction().text(text) == left


def test_known_tokens_wherever_they_stand() -> None:
    value = {"a": ["one hunter22 two", {"hunter22": 3}], "b": None, "c": "hunter2"}
    assert Redaction(["hunter2", "hunter22", "two", ""]).value(value) == {
        "a": ["one … two", {"…": 3}],
        "b": None,
        "c": "…",
    }
