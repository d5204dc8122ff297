"""Whether a host sends a site well: compressed, with the right types, under a policy that lets it run.

Used at deployment, on CPython; `python -m filesync_web check-host` is its command line. It asks for the page
and for the large files of a start, as a browser would, and reads all that is sent.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urljoin, urlsplit

from filesync_web.errors import InvalidArgumentError, NetworkError

FILES = ("pyodide/pyodide.asm.wasm", "pyodide/pyodide.asm.mjs", "pyodide/python_stdlib.zip")
"""The large files of a start, relative to the page; the wheel comes to it when the page names one."""
ENCODINGS = frozenset({"br", "gzip", "zstd"})
TIMEOUT = 60.0
"""Seconds without a byte."""

_TYPES = {
    ".wasm": ({"application/wasm"}, "browsers compile it while it arrives with this one only"),
    ".mjs": ({"text/javascript", "application/javascript"}, "browsers refuse a module with another one"),
}
_WHEEL = re.compile(r"[\w./:-]*filesync_web-[\w.+-]+\.whl")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Answer:
    """What the host sent for a URL; `size` is in bytes, as they travelled."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        return self.headers.get("content-encoding", "").strip().lower()


@dataclass(frozen=True)
class HostReport:
    """What was sent, and what is wrong with it, in plain sentences; empty when all is well."""

    answers: tuple[Answer, ...]
    problems: tuple[str, ...]

    @property
    def size(self) -> int:
        """The bytes that travelled, in all."""
        return sum(answer.size for answer in self.answers)


def check_host(url: str) -> HostReport:
    """Ask a deployed site for its page and its large files.

    Args:
        url: the page, such as `https://gallery.example/`.

    Raises:
        InvalidArgumentError: the URL is not one of http or https.
        NetworkError: the host cannot be reached.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidArgumentError(f"{url!r} should begin with https:// or http://")
    page = _get(url, "identity")
    text = page.body.decode("utf-8", "replace")
    names = (*FILES, *sorted(set(_WHEEL.findall(text))))
    files = [_get(urljoin(page.url, name), ", ".join(sorted(ENCODINGS))) for name in names]
    problems = [*_page_problems(page), *(problem for file in files for problem in _file_problems(file))]
    return HostReport((page, *files), tuple(problems))


def _get(url: str, encodings: str) -> Answer:
    """One GET, as the host answers it: an error page is an answer as well."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": encodings})  # noqa: S310 - see check_host
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            return _answer(response.url, response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(url, error.code, error.headers, error.read())
    except OSError as error:
        raise NetworkError(f"{url} cannot be reached: {error}") from error


def _answer(url: str, status: int, headers: Message, body: bytes) -> Answer:
    return Answer(url, status, {name.lower(): value for name, value in headers.items()}, body)


def _page_problems(page: Answer) -> Iterator[str]:
    place = urlsplit(page.url)
    if page.status != 200:
        yield f"{page.url}: the host answers {page.status}"
    if place.scheme == "http" and place.hostname not in _LOCAL:
        yield f"{page.url}: browsers keep files only for https: and localhost"
    policy = _policy(page.headers.get("content-security-policy", ""))
    scripts = policy.get("script-src", policy.get("default-src"))
    if scripts is not None and not {"'wasm-unsafe-eval'", "'unsafe-eval'"} & scripts:
        yield "Content-Security-Policy: script-src lacks 'wasm-unsafe-eval', without which Python cannot run"
    workers = policy.get("worker-src", policy.get("child-src", scripts))
    if workers is not None and "blob:" not in workers:
        yield "Content-Security-Policy: worker-src lacks blob:, without which nothing can be stored"


def _policy(header: str) -> dict[str, frozenset[str]]:
    """The directives of a policy, and what each allows."""
    parts = [part.lower().split() for part in header.split(";") if part.strip()]
    return {name: frozenset(sources) for name, *sources in parts}


def _file_problems(file: Answer) -> Iterator[str]:
    if file.status != 200:
        yield f"{file.url}: the host answers {file.status}"
        return
    types, reason = _TYPES.get(file.url[file.url.rfind(".") :], (set(), ""))
    if types and file.content_type not in types:
        yield f"{file.url}: its type is {file.content_type or 'missing'}, not {min(types)}; {reason}"
    if file.encoding not in ENCODINGS and not _is_deflated_zip(file.body):
        yield f"{file.url}: {file.size / 1e6:.1f} MB are sent without compression"


def _is_deflated_zip(body: bytes) -> bool:
    """Whether it is a zip that compresses its first file by itself; sites may have such ones."""
    return body.startswith(b"PK\x03\x04") and body[8:10] != b"\0\0"
