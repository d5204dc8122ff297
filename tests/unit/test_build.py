"""The build's own rules: what is fresh, what the repository names, what versions agree."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import build
from tools import environment, site
from tools.common import ROOT, BuildError, digest, is_fresh, run, write_stamp
from tools.compile_zip import compile_module
from tools.packages import pyodide_lock
from tools.serve import address_to_share, require_address
from tools.site_wheel import python_tag

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_lock_file_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)
    assert not any("resolved" in package for package in packages.values())
    for package in packages.values():
        package.pop("funding", None)  # who to thank: npm writes it, and nothing loads it
    assert "://" not in json.dumps(packages)


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "bench/pages/ours.html",
        "demo/pyscript.json",
        "examples/how_to/bare_worker.mjs",
        "examples/how_to/isolated.html",
        "examples/how_to/worker.html",
        "tests/harness/pages/bare.html",
        "tests/harness/pages/module_worker.mjs",
        "tests/harness/pages/pyscript.json",
    ],
)
def test_pages_install_the_wheel_of_this_version_for_the_sites_python(path: str) -> None:
    tag = python_tag(str(pyodide_lock()["info"]["python"]))
    names = re.findall(r"/wheels/(filesync_web-.*?\.whl)", (ROOT / path).read_text())
    assert set(names) == {f"filesync_web-{VERSION}-{tag}-none-any.whl"}


def test_step_is_fresh_until_an_input_or_its_output_changes(tmp_path: Path) -> None:
    source, output, stamp = tmp_path / "source", tmp_path / "output", tmp_path / "stamps" / "step"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.txt").write_text("one")
    output.touch()
    key = digest(source)
    assert not is_fresh(stamp, key, [output])
    write_stamp(stamp, key)
    assert is_fresh(stamp, digest(source), [output])
    (source / "deep" / "a.txt").write_text("two")
    assert not is_fresh(stamp, digest(source), [output])
    (source / "deep" / "a.txt").write_text("one")
    assert is_fresh(stamp, digest(source), [output])
    (source / "deep" / "a.txt").rename(source / "deep" / "b.txt")
    assert not is_fresh(stamp, digest(source), [output])
    output.unlink()
    assert not is_fresh(stamp, key, [output])


def test_caches_are_no_inputs(tmp_path: Path) -> None:
    (tmp_path / "module.py").touch()
    before = digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.pyc").touch()
    assert digest(tmp_path) == before


def test_failed_command_shows_its_output(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BuildError, match="ended with code 3"):
        run([sys.executable, "-c", "print('why it failed'); raise SystemExit(3)"])
    assert "why it failed" in capfd.readouterr().out


def test_missing_program_is_a_clear_message() -> None:
    with pytest.raises(BuildError, match="'no-such-program' was not found; install it"):
        run(["no-such-program"])


def test_taken_port_is_a_clear_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BuildError, match=rf"cannot listen on 127.0.0.1:{port}: .*in use; choose another"):
            require_address("127.0.0.1", port)
    require_address("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("0.0.0.0", 8000, "ssh -L 8000:localhost:8000"), ("127.0.0.1", 70000, "no port 70000")],
)
def test_an_address_that_the_demo_cannot_work_at_is_a_clear_message(host: str, port: int, words: str) -> None:
    with pytest.raises(BuildError, match=words):
        require_address(host, port)


@pytest.mark.parametrize("flags", [[], ["--cross-origin-isolation", "require-corp"]])
def test_the_demo_isolates_its_pages_when_it_is_asked_to(
    monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    served: list[tuple[object, ...]] = []

    def serve(*arguments: object) -> int:
        served.append(arguments)
        return 0

    monkeypatch.setattr(build, "build_lock", contextlib.nullcontext)
    monkeypatch.setattr(build, "serve", serve)
    for name in ("require_address", "ensure_venv", "build_site", "compress"):
        monkeypatch.setattr(build, name, lambda *_arguments: None)
    monkeypatch.setattr(sys, "argv", ["build.py", "demo", *flags])
    assert build.main() == 0
    assert [list(arguments[4:]) for arguments in served] == [flags]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("0.0.0.0", "one address only"),
        ("::", "one address only"),
        ("8.8.8.8", "an address of the Internet"),
        ("my-computer", "needs an IP address"),
    ],
)
def test_the_demo_is_shared_in_a_network_of_ones_own_only(host: str, words: str) -> None:
    with pytest.raises(BuildError, match=words):
        address_to_share(host)


@pytest.mark.parametrize("host", ["192.168.1.7", "fd00::2", "127.0.0.1"])
def test_the_demo_is_shared_at_a_private_address(host: str) -> None:
    assert address_to_share(host) == host


@pytest.fixture
def no_browsers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine without a browser, on which nobody can install one; what is put into the answer is found."""
    found: dict[str, str] = {}
    for variable in ("CHROMIUM", "FIREFOX", "CI"):
        monkeypatch.delenv(variable, raising=False)
    for package in environment.BROWSERS:
        monkeypatch.setitem(environment.BROWSERS, package, lambda package=package: found.get(package))
    monkeypatch.setattr(environment, "find_chromium", environment.BROWSERS["chromium"])
    monkeypatch.setattr(environment, "find_firefox", environment.BROWSERS["firefox-esr"])
    monkeypatch.setattr(environment.shutil, "which", lambda _name: None)
    return found


def test_all_missing_browsers_are_installed_at_once(
    monkeypatch: pytest.MonkeyPatch, no_browsers: dict[str, str]
) -> None:
    ran: list[list[str]] = []

    def apt(command: list[str], **_options: object) -> None:
        ran.append(command)
        no_browsers.update((name, f"/usr/bin/{name}") for name in command if name in environment.BROWSERS)

    no_browsers["xvfb"] = "/usr/bin/Xvfb"
    monkeypatch.setattr(environment, "run", apt)
    monkeypatch.setattr(environment.os, "geteuid", lambda: 0)
    monkeypatch.setattr(environment.shutil, "which", lambda name: name)
    found = {"CHROMIUM": "/usr/bin/chromium", "FIREFOX": "/usr/bin/firefox-esr"}
    assert environment.ensure_browsers() == found
    assert [command[:2] for command in ran] == [["apt-get", "update"], ["apt-get", "install"]]
    assert ran[1][-4:] == ["chromium", "firefox-esr", "python3-gi", "gir1.2-webkit2-4.1"]
    assert environment.ensure_browsers() == found
    assert len(ran) == 2


@pytest.mark.usefixtures("no_browsers")
def test_chromium_that_cannot_be_installed_is_a_clear_message() -> None:
    with pytest.raises(BuildError, match=r"not found: chromium; .* set CHROMIUM"):
        environment.ensure_browsers("chromium")


def test_another_browser_may_be_missing_but_not_in_ci(
    monkeypatch: pytest.MonkeyPatch, no_browsers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    no_browsers["chromium"] = "/usr/bin/chromium"
    assert environment.ensure_browsers() == {"CHROMIUM": "/usr/bin/chromium"}
    assert "firefox-esr, xvfb, python3-gi" in capsys.readouterr().out
    monkeypatch.setenv("CI", "1")
    with pytest.raises(BuildError, match="firefox-esr, xvfb, python3-gi"):
        environment.ensure_browsers()


def test_missing_node_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "which", lambda _name: None)
    with pytest.raises(BuildError, match="node was not found; install Node"):
        environment.require_node()


def test_the_page_is_told_sizes_and_what_is_fetched_later(tmp_path: Path) -> None:
    for name in (*(f"pyodide/{name}" for name in site.LARGE), "wheels/kit.whl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1000)
    shutil.copy2(ROOT / "demo" / "index.html", tmp_path)
    (tmp_path / "pyscript.json").write_text('{"files": {"./wheels/kit.whl": "./*", "./app.py": "./app.py"}}')
    site._complete_page(tmp_path, "wheels/kit.whl")
    page = (tmp_path / "index.html").read_text()
    assert {"./wheels/kit.whl", "./app.py"} < set(re.findall(r'rel="preload" href="(.*?)"', page))
    (sizes,) = re.findall(r'id="loading-sizes" type="application/json">(.*?)<', page)
    names = ["./pyodide/pyodide.asm.wasm", "./pyodide/python_stdlib.zip", "./wheels/kit.whl"]
    assert json.loads(sizes) == dict.fromkeys(names, 1000)
    with pytest.raises(BuildError, match="should have this line once"):
        site._complete_page(tmp_path, "wheels/kit.whl")


def test_compiled_module_needs_no_source(tmp_path: Path) -> None:
    compiled = compile_module(b"def answer():\n    return 42\n", "/lib/answers.py")
    (tmp_path / "answers.pyc").write_bytes(compiled)
    code = "import answers; print(answers.answer(), answers.answer.__code__.co_filename)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "42 /lib/answers.py\n"


def test_help_names_every_command() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "build.py", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("demo", "test", "check", "bench", "soak", "dist"):
        assert re.search(rf"^ +{command} +\w", done.stdout, re.MULTILINE)
