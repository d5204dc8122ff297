"""Signed URLs of the embedded data plane: who may do what to one object, until when.

    ?exp=<unix seconds>&hdr=<bound header names, ";" between>[&uploadId=…&partNumber=…]&sig=<hex>

The signature is an HMAC-SHA256 over the method, the key, the expiry, the part and the bound headers with
their values. A request that lacks a bound header, or sends another value, has another signature.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from ...shared.disk import PRIVATE_FILE

_SECRET_BYTES = 32
_COVERED = ("exp", "hdr", "uploadId", "partNumber")


class InvalidSignatureError(Exception):
    """The URL was not made by this server for this request."""


class ExpiredUrlError(Exception):
    """The URL was good, and is too old."""


class UrlSigner:
    """Signs and verifies with one secret. `clock` gives unix time in seconds."""

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def sign(
        self,
        method: str,
        key: str,
        *,
        lifetime: float,
        headers: Mapping[str, str] | None = None,
        part: tuple[str, int] | None = None,
    ) -> dict[str, str]:
        """The query parameters. `headers` are bound (names in lower case); `part` is upload id and part
        number."""
        bound = headers or {}
        query = {"exp": str(int(self._clock() + lifetime))}
        if bound:
            query["hdr"] = ";".join(sorted(bound))
        if part:
            query |= {"uploadId": part[0], "partNumber": str(part[1])}
        return {**query, "sig": self._signature(method, key, query, bound)}

    def verify(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """Return when the URL allows the request. Raises InvalidSignatureError or ExpiredUrlError."""
        expected = self._signature(method, key, query, headers)
        if not hmac.compare_digest(expected.encode(), query.get("sig", "").encode()):
            raise InvalidSignatureError
        # Only what we signed gets here, so the expiry is a number.
        if int(query["exp"]) <= self._clock():
            raise ExpiredUrlError

    def _signature(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        lines = [method, key, *(query.get(name, "") for name in _COVERED)]
        names = query.get("hdr", "")
        if names:
            # No header has a name that is not ASCII, and starlette cannot even look for one.
            lines += [headers.get(name, "") if name.isascii() else "" for name in names.split(";")]
        # Lengths in front of the texts: no two different requests share one message.
        message = b"".join(b"%d:%s" % (len(line.encode()), line.encode()) for line in lines)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


class WeakSecretError(OSError):
    """The file of the secret has too little in it: whoever knows that could sign URLs."""


def load_secret(path: Path) -> bytes:
    """The secret in the file, made at first use and readable by its owner only. Raises WeakSecretError."""
    secret = _read_or_make(path)
    if len(secret) < _SECRET_BYTES:
        raise WeakSecretError(
            f"{path} has {len(secret)} bytes and not {_SECRET_BYTES}, it was cut or emptied: restore it, or"
            " remove it to get another one, by which URLs that are under way stop working"
        )
    return secret


def _read_or_make(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # unlike a rename it fails when another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_bytes()
