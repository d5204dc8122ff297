"""How a download goes on from what an earlier try left (RFC 9110, 14: Range Requests).

The content hash decides in the end whether the bytes are right. The entity tag (ETag) only saves the bytes of
a hopeless continuation: without a strong one, the missing range is asked for all the same.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping

from filesync_web.errors import IntegrityError, NetworkError

LONGEST_ETAG = 80  # of characters, so that a name that carries it in hex fits into 255


def strong_etag(headers: Mapping[str, str]) -> str:
    """The entity tag of an answer if If-Range may use it (13.1.5: no weak ones), else ""."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') and etag.isascii() and len(etag) <= LONGEST_ETAG else ""


def partial_name(content_hash: str, etag: str) -> str:
    """The name under which a partial download is kept: it says all that is needed to go on."""
    return f"get-{content_hash}.{etag.encode().hex()}"


def etag_of_partial(name: str) -> str:
    """The entity tag in a name made by `partial_name`."""
    try:
        return bytes.fromhex(name.rpartition(".")[2]).decode("ascii")
    except (ValueError, binascii.Error):
        return ""


def range_headers(offset: int, etag: str) -> dict[str, str]:
    """The headers that ask for the bytes from `offset` on; none for the beginning."""
    if not offset:
        return {}
    condition = {"if-range": etag} if etag else {}
    return {"range": f"bytes={offset}-", **condition}


def goes_on(status: int, headers: Mapping[str, str], offset: int, url: str) -> bool:
    """Whether a 200 or 206 continues at `offset`, or begins anew.

    Raises `IntegrityError` for another range than was asked for.
    """
    if status != 206 or not offset:
        return False
    content_range = headers.get("content-range", f"bytes {offset}-")
    if not content_range.startswith(f"bytes {offset}-"):
        raise IntegrityError(
            f"{url}: the server sent {content_range!r} when asked for the bytes from {offset}"
        )
    return True


def check_not_longer(received: int, size: int | None, url: str) -> None:
    """Raise `IntegrityError` when more bytes are here than were promised."""
    if size is not None and received > size:
        raise IntegrityError(
            f"{url}: more than the {size} bytes that were promised arrived; they were discarded"
        )


def check_complete(received: int, size: int | None, url: str) -> None:
    """Raise `NetworkError` when the answer ended before all promised bytes were here."""
    if size is not None and received < size:
        raise NetworkError(f"{url}: the answer broke off after {received} of {size} bytes")


def check_hash(found: str, content_hash: str, url: str) -> None:
    """Raise `IntegrityError` when the bytes are not the promised ones."""
    if found != content_hash:
        raise IntegrityError(
            f"{url}: the bytes have the hash {found} instead of {content_hash}; they were discarded"
        )
