"""The members of the signer's JSON bodies: each is right, or HTTPException 400 says which is not."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException

from ..objects.keys import content_hash_of, is_sha256
from ..objects.port import MAX_PARTS, Part, Upload, is_content_type

_MAX_SIGNED_PARTS = 1000


def upload_of(key: str, body: dict[str, Any], *, with_checksum: bool) -> Upload:
    """What is to be uploaded. Bytes under a key that ends in a hash are bound to it, whether the caller asks
    for it or not; who asks also wants to be told when they are there already."""
    content_type = body.get("contentType")
    if content_type is not None and not (isinstance(content_type, str) and is_content_type(content_type)):
        raise HTTPException(400, "contentType must be printable ASCII of at most 255 characters")
    length = body.get("contentLength")
    if length is not None and (type(length) is not int or length < 0):
        raise HTTPException(400, "contentLength must be a number of bytes")
    if not with_checksum:
        return Upload(key, content_type, length)
    asked, promised = body.get("sha256"), content_hash_of(key)
    if asked is None:
        return Upload(key, content_type, length, promised)
    if not is_sha256(asked):
        raise HTTPException(400, "sha256 must be 64 lower-case hexadecimal digits")
    if promised not in {None, asked}:
        raise HTTPException(400, "sha256 is not the hash that the key ends with")
    return Upload(key, content_type, length, asked, create_only=True)


def text_of(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= 1024
        or not value.isascii()
        or not value.isprintable()
    ):
        raise HTTPException(400, f"{name} must be a printable ASCII string")
    return value


def part_numbers(body: dict[str, Any]) -> list[int]:
    numbers = body.get("partNumbers")
    if not isinstance(numbers, list) or not 0 < len(numbers) <= _MAX_SIGNED_PARTS:
        raise HTTPException(400, f"partNumbers must be a list of 1 to {_MAX_SIGNED_PARTS} numbers")
    return [_part_number(number) for number in numbers]


def parts_of(body: dict[str, Any]) -> list[Part]:
    parts = body.get("parts")
    if not isinstance(parts, list) or not 0 < len(parts) <= MAX_PARTS:
        raise HTTPException(400, f"parts must be a list of 1 to {MAX_PARTS} parts")
    found = []
    for part in parts:
        if not isinstance(part, dict):
            raise HTTPException(400, "each part must be an object")
        found.append(Part(_part_number(part.get("partNumber")), text_of(part, "etag").strip('"')))
    return sorted(found, key=lambda part: part.number)


def _part_number(number: object) -> int:
    if type(number) is not int or not 1 <= number <= MAX_PARTS:
        raise HTTPException(400, f"a part number is an integer from 1 to {MAX_PARTS}")
    return number
