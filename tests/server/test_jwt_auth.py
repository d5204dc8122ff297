"""Auth by JSON Web Token: which tokens are believed, and what they open."""

from __future__ import annotations

import base64
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import HTTPConnection

from filesync_server.shared.jwt_auth import jwt_auth

SECRET = "a-shared-secret-of-at-least-32-bytes"


def ask(auth: Any, token: str | None) -> Any:
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    return auth(HTTPConnection({"type": "http", "headers": headers}))


def token(secret: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 60, "prefixes": ["users/ann"]} | claims, secret, algorithm)


def test_a_good_token_opens_its_prefixes() -> None:
    auth = jwt_auth(SECRET, algorithms=["HS256"])
    assert ask(auth, token()) == ["users/ann"]
    assert ask(auth, token(prefixes=[])) == []


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
        token(prefixes="users"),
        token(prefixes=[1]),
        token(prefixes=None),
        jwt.encode({"prefixes": []}, SECRET, "HS256"),
        jwt.encode({"exp": time.time() + 60, "prefixes": []}, "", "none"),
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
    assert ask(auth, token(aud="files", iss="https://id.example")) == ["users/ann"]
    assert ask(auth, token(aud="other", iss="https://id.example")) is None
    assert ask(auth, token(aud="files")) is None


def test_public_keys_cannot_be_taken_for_secrets() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    auth = jwt_auth(public, algorithms=["ES256"])
    assert ask(auth, token(private, "ES256")) == ["users/ann"]
    assert ask(auth, token(SECRET)) is None


def test_unsigned_tokens_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="none"):
        jwt_auth(SECRET, algorithms=["HS256", "None"])
