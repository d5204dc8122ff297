"""The generator of the service worker: deterministic, complete, in one scope, and a command."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from filesync_web.__main__ import main
from filesync_web.errors import InvalidArgumentError
from filesync_web.sw import ServiceWorkerOptions, precache_entries, render_service_worker
from tools.common import ROOT

NODE = shutil.which("node") or "node"


def options_in(script: str) -> dict[str, object]:
    found = re.search(r"^const OPTIONS = (\{.*?^\});$", script, re.MULTILINE | re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def revision(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()[:16]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built site with what belongs into the precache list and what does not."""
    folder = tmp_path / "site"
    for name in ("index.html", "docs/index.html", "app.js", "a b/ü.css", "wheels/x-1.whl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    for name in ("app.js.map", "app.js.br", "app.js.gz", ".hidden", "docs/.hidden", "filesync-sw.js"):
        (folder / name).write_bytes(b"no")
    return folder


def test_the_options_are_the_only_thing_that_varies() -> None:
    options = ServiceWorkerOptions(prefix="/x/", signer="/api", cache_remote=True, precache=(("./", "1"),))
    assert render_service_worker(options) == render_service_worker(options)
    fixed = options_in(render_service_worker(options))
    assert fixed["prefix"] == "/x/"
    assert fixed["signer"] == "/api"
    assert fixed["cacheRemote"] is True
    assert fixed["precache"] == [["./", "1"]]
    assert fixed["build"] != options_in(render_service_worker(ServiceWorkerOptions()))["build"]


def test_everything_is_in_one_scope() -> None:
    """Nothing of it can clash with the worker that imports it."""
    code = [line for line in render_service_worker(ServiceWorkerOptions()).splitlines() if line]
    assert code[1] == "(() => {"
    assert code[-1] == "})();"


def test_options_cannot_break_out_of_the_constant() -> None:
    nasty = "/a\u2028'\"</script>${x}`\\/"
    assert options_in(render_service_worker(ServiceWorkerOptions(prefix=nasty)))["prefix"] == nasty


def test_the_script_is_valid_javascript(tmp_path: Path) -> None:
    script = tmp_path / "filesync-sw.js"
    script.write_text(
        render_service_worker(ServiceWorkerOptions(prefix="/a\u2028'\"`${x}/")), encoding="utf-8"
    )
    subprocess.run([NODE, "--check", script], check=True)


def test_the_sources_own_tests_on_node() -> None:
    tests = sorted((ROOT / "sw" / "tests").glob("*.mjs"))
    assert tests
    command = [NODE, "--test", "--test-reporter=tap", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^# pass [1-9]\d", done.stdout, re.MULTILINE), done.stdout


def test_precache_entries_are_what_the_site_needs(site: Path) -> None:
    assert precache_entries(site) == (
        ("./", revision(b"index.html")),
        ("./a%20b/%C3%BC.css", revision("a b/ü.css".encode())),
        ("./app.js", revision(b"app.js")),
        ("./docs/", revision(b"docs/index.html")),
        ("./wheels/x-1.whl", revision(b"wheels/x-1.whl")),
    )
    assert [url for url, _ in precache_entries(site, exclude=["wheels/*", "*.css"])] == [
        "./",
        "./app.js",
        "./docs/",
    ]


def test_a_changed_file_changes_the_worker(site: Path, tmp_path: Path) -> None:
    def build() -> bytes:
        assert main(["service-worker", "--out", str(tmp_path), "--precache-dir", str(site)]) == 0
        return (tmp_path / "filesync-sw.js").read_bytes()

    first = build()
    assert build() == first
    (site / "app.js").write_text("changed")
    assert build() != first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prefix": "files/"}, "slash"),
        ({"prefix": "/"}, "name a folder"),
        ({"signer": "/api", "remote_url": "/x/{key}"}, "not both"),
        ({"remote_url": "/x/"}, "{key}"),
        ({"navigation_fallback": "./"}, "precache list"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        ServiceWorkerOptions(**wrong)  # type: ignore[arg-type]


def test_command_line(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = tmp_path / "extra.json"
    extra.write_text('[["https://cdn.example/font.woff2", "7"]]')
    words = [
        "service-worker",
        "--out",
        tmp_path / "new",
        "--name",
        "sw.js",
        "--signer",
        "/api",
        "--cache-remote",
    ]
    words += ["--precache-dir", site, "--precache-list", extra, "--exclude", "docs/*", "--timeout", "5"]
    assert main([str(word) for word in words]) == 0
    script = tmp_path / "new" / "sw.js"
    assert capsys.readouterr().out == f"{script}\n"
    fixed = options_in(script.read_text())
    assert [url for url, _ in fixed["precache"]] == [  # type: ignore[attr-defined]
        "./", "./a%20b/%C3%BC.css", "./app.js", "./filesync-sw.js", "./wheels/x-1.whl", "https://cdn.example/font.woff2",
    ]  # fmt: skip
    assert (fixed["navigationFallback"], fixed["timeoutSeconds"]) == ("./", 5.0)


def test_command_line_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service-worker", "--out", str(tmp_path), "--precache-dir", str(tmp_path / "none")]) == 1
    assert "build the site first" in capsys.readouterr().err
    assert not (tmp_path / "filesync-sw.js").exists()


def test_module_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "filesync_web", "service-worker", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "filesync-sw.js").is_file()
