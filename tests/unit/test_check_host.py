"""What `check-host` says of hosts that send a site well or badly."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from filesync_web.__main__ import main
from filesync_web.check_host import FILES, check_host
from filesync_web.errors import InvalidArgumentError, NetworkError
from tests.harness.server import free_port

WHEEL = "wheels/filesync_web-0.1.0-cp314-none-any.whl"
TYPES = {"wasm": "application/wasm", "mjs": "text/javascript; charset=utf-8", "zip": "application/zip"}


@dataclass
class Host:
    """A host of a site: each path has its status, headers and body."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def change(self, name: str, *, status: int = 200, **headers: str) -> None:
        """Let a file have another status or other headers; an empty one is not sent."""
        _, old, body = self.answers[f"/{name}"]
        new = {key.replace("_", "-"): value for key, value in headers.items()}
        kept = {key: value for key, value in {**old, **new}.items() if value}
        self.answers[f"/{name}"] = (status, kept, body)


@pytest.fixture
def host() -> Iterator[Host]:
    """One that does everything right."""
    made = Host()
    page = f'<link rel="preload" href="./{WHEEL}"><script src="./start.js"></script>'
    made.answers["/"] = (200, {"content-type": "text/html"}, page.encode())
    for name in (*FILES, WHEEL):
        headers = {"content-type": TYPES.get(name.rpartition(".")[2], ""), "content-encoding": "br"}
        made.answers[f"/{name}"] = (200, headers, b"x" * 1000)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["Accept-Encoding"]))
            status, headers, body = made.answers[self.path]
            self.send_response(status)
            for header in headers.items():
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        server.shutdown()


def test_a_good_host_has_no_problems(host: Host) -> None:
    report = check_host(host.url)
    assert report.problems == ()
    assert report.size == len(host.answers["/"][2]) + 4 * 1000
    asked = dict(host.asked)
    assert asked["/"] == "identity"
    assert {asked[f"/{name}"] for name in (*FILES, WHEEL)} == {"br, gzip, zstd"}


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda host: host.change(FILES[2], content_encoding=""),
            "python_stdlib.zip: 0.0 MB are sent without",
        ),
        (lambda host: host.change(WHEEL, content_encoding=""), ".whl: 0.0 MB are sent without compression"),
        (lambda host: host.change(FILES[0], content_type="text/plain"), "text/plain, not application/wasm; "),
        (lambda host: host.change(FILES[1], content_type=""), "missing, not application/javascript; "),
        (lambda host: host.change(FILES[2], status=404), "python_stdlib.zip: the host answers 404"),
        (
            lambda host: host.change("", content_security_policy="script-src 'self'; worker-src blob:"),
            "script-src lacks 'wasm-unsafe-eval'",
        ),
        (
            lambda host: host.change("", content_security_policy="script-src 'self' 'wasm-unsafe-eval'"),
            "worker-src lacks blob:",
        ),
    ],
)
def test_each_fault_is_told_once(host: Host, spoil: Callable[[Host], None], problem: str) -> None:
    spoil(host)
    (found,) = check_host(host.url).problems
    assert problem in found


@pytest.mark.parametrize(
    ("method", "problems"), [(zipfile.ZIP_DEFLATED, 0), (zipfile.ZIP_STORED, 1)], ids=["deflated", "stored"]
)
def test_a_zip_that_is_deflated_needs_no_compression(host: Host, method: int, problems: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as target:
        target.writestr("module.pyc", "code" * 100)
    host.answers[f"/{WHEEL}"] = (200, {"content-type": "application/zip"}, archive.getvalue())
    assert len(check_host(host.url).problems) == problems


def test_the_policy_of_the_documents_is_fine(host: Host) -> None:
    policy = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:"
    host.change("", content_security_policy=policy)
    assert check_host(host.url).problems == ()


def test_the_command_says_what_came_and_ends_with_1_when_something_is_wrong(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-host", host.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"200       1,000 bytes  br              {host.url}{FILES[0]}" in lines
    host.change(FILES[0], content_encoding="")
    assert main(["check-host", host.url]) == 1
    assert f"problem: {host.url}{FILES[0]}: 0.0 MB are sent without compression" in capsys.readouterr().out


def test_a_host_that_cannot_be_asked_is_a_clear_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidArgumentError, match="should begin with https://"):
        check_host("file:///etc/passwd")
    with pytest.raises(NetworkError, match="cannot be reached"):
        check_host(f"http://127.0.0.1:{free_port()}/")
    assert main(["check-host", "gallery.example"]) == 1
    assert "should begin with https://" in capsys.readouterr().err
