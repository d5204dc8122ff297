"""Auth by JSON Web Token: which tokens are believed, and what they open."""

from __future__ import annotations

import base64
import logging
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import HTTPConnection

from filesync_server import ALL_RIGHTS, Identity
from filesync_server.shared.jwt_auth import jwt_auth

SECRET = "a-shared-secret-of-at-least-32-bytes"


STORES = {"ann": ["read", "write", "delete"], "team": ["read"]}


def ask(authenticate: Any, token: str | None) -> Identity | None:
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    answer = authenticate(HTTPConnection({"type": "http", "headers": headers}))
    assert answer is None or isinstance(answer, Identity)
    return answer


def token(secret: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A good token but for these claims; a claim that is None is left out."""
    claims = {"sub": "ann", "exp": time.time() + 60, "stores": STORES} | claims
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def test_a_good_token_says_who_it_is_and_what_it_opens() -> None:
    ends = int(time.time() + 60)
    identity = ask(jwt_auth(SECRET, algorithms=["HS256"], leeway=5), token(exp=ends))
    assert identity == Identity("ann", STORES, expires_at=ends + 5)
    assert identity.allows("team", "read")
    assert not identity.allows("team", "write")
    assert not identity.allows("bob", "read")


def test_an_empty_list_of_stores_opens_nothing_and_the_name_of_all_everything() -> None:
    authenticate = jwt_auth(SECRET, algorithms=["HS256"])
    nothing, everything = ask(authenticate, token(stores=[])), ask(authenticate, token(stores=["*"]))
    assert nothing
    assert everything
    assert not any(nothing.allows("ann", action) for action in ALL_RIGHTS)
    assert all(everything.allows("any store", action) for action in ALL_RIGHTS)


def test_a_token_needs_no_end_where_that_was_said() -> None:
    forever = jwt_auth(SECRET, algorithms=["HS256"], require_exp=False)
    assert ask(forever, token(exp=None)) == Identity("ann", STORES)
    assert ask(forever, token(exp=time.time() - 60)) is None
    assert ask(jwt_auth(SECRET, algorithms=["HS256"]), token(exp=None)) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (lambda: token(exp=time.time() - 60), "has expired"),
        (lambda: token("another-secret-of-at-least-32-bytes!"), "not of our key"),
        (lambda: token(stores=None), "lacks a claim"),
        (lambda: token(sub="ann\n"), "cannot be understood"),
        (lambda: "no token", "no JSON Web Token"),
    ],
)
def test_why_a_token_was_refused_is_logged_and_the_token_is_not(
    bad: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    presented = bad()
    assert ask(jwt_auth(SECRET, algorithms=["HS256"]), presented) is None
    assert reason in caplog.text
    assert all(part not in caplog.text for part in presented.split("."))


def encoded(part: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "text",
        token("another-secret-of-at-least-32-bytes!"),
        token(exp=time.time() - 60),
        token(nbf=time.time() + 3600),
        token(stores="*"),
        token(stores=[1]),
        token(stores={"ann": "read"}),
        token(stores={"ann": ["all"]}),
        token(stores={"a/b": ["read"]}),
        token(stores=None),
        token(sub=None),
        token(sub=""),
        token(exp=None),
        jwt.encode({"sub": "ann", "exp": time.time() + 60, "stores": ["*"]}, "", "none"),
        token(algorithm="HS512", secret=SECRET * 2),
        encoded(b"[" * 30_000) + "..",
        encoded(b"\xff") + "..",
        encoded(b'{"alg":"HS256"}') + "." + encoded(b"[" * 30_000) + ".",
    ],
)
def test_everything_else_is_not_authenticated(bad: str | None) -> None:
    assert ask(jwt_auth(SECRET, algorithms=["HS256"]), bad) is None


def test_audience_and_issuer() -> None:
    auth = jwt_auth(SECRET, algorithms=["HS256"], audience="files", issuer="https://id.example")
    assert ask(auth, token(aud="files", iss="https://id.example"))
    assert ask(auth, token(aud="other", iss="https://id.example")) is None
    assert ask(auth, token(aud="files")) is None


def test_public_keys_cannot_be_taken_for_secrets() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    auth = jwt_auth(public, algorithms=["ES256"])
    assert ask(auth, token(private, "ES256"))
    assert ask(auth, token(SECRET)) is None


def test_unsigned_tokens_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="none"):
        jwt_auth(SECRET, algorithms=["HS256", "None"])
