"""What a site serves: a compiled wheel, and compressed copies beside its files."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import compress as compressing
from tools.compile_zip import compile_zip
from tools.compress import compress
from tools.site_wheel import as_wheel, python_tag, with_bundle

INFO = "answers-1.0.dist-info"
SOURCES = {
    "answers/__init__.py": '"""Answers."""\n\nfrom answers.inner.words import first\n',
    "answers/inner/__init__.py": "",
    "answers/inner/words.py": "from importlib.resources import files\n"
    "first = files('answers.inner').joinpath('words.txt').read_text()\n",
    "answers/inner/words.txt": "What",
    "answers/deep.py": '"""What it is."""\ndef answer():\n    raise ValueError("42")\n',
    "answers/words.js": "export {};",
    "filesync_web/inspector/html.py": "answer = 42\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.3\nName: answers\nVersion: 1.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": "answers/__init__.py,sha256=of-the-source,0\n",
}


def compiled(tag: str) -> bytes:
    """The wheel of the sources, compiled by this Python."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, text in SOURCES.items():
            archive.writestr(name, text)
    return as_wheel(compile_zip(with_bundle(output.getvalue(), "answers"), ""), tag, "answers")


def test_a_python_version_has_its_tag() -> None:
    assert python_tag("3.14.2") == "cp314"


def test_a_compiled_wheel_installs_and_runs_without_its_sources(tmp_path: Path) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheel = tmp_path / f"answers-1.0-{tag}-none-any.whl"
    wheel.write_bytes(compiled(tag))
    with zipfile.ZipFile(wheel) as archive:
        assert f"Tag: {tag}-none-any\n" in archive.read(f"{INFO}/WHEEL").decode()
        sources = [name for name in archive.namelist() if name.endswith(".py")]
        assert sources == ["filesync_web/inspector/html.py"]
        modules = {name for name in archive.namelist() if name.endswith(".pyc")}
        assert modules == {"answers/__init__.pyc", "answers/_bundle.pyc"}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    installed = tmp_path / "installed"  # pip checks the tag and the hashes of RECORD
    subprocess.run([*pip, "--no-index", "--no-compile", "--target", installed, wheel], check=True)
    code = "import answers.deep; print(answers.first, answers.deep.__doc__); answers.deep.answer()"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "What What it is.\n"
    assert 'File "answers/deep.py", line 3, in answer' in done.stderr


def test_the_same_sources_make_the_same_wheel() -> None:
    assert compiled("cp314") == compiled("cp314")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compressing, "_CACHE", tmp_path / "cache")
    (tmp_path / "site" / "deep").mkdir(parents=True)
    (tmp_path / "site" / "deep" / "app.js").write_text("let a = 1;" * 500)
    (tmp_path / "site" / "small.js").write_text("let a = 1;")
    (tmp_path / "site" / "picture.png").write_bytes(b"\x89PNG" * 1000)
    return tmp_path / "site"


def copies(site: Path) -> set[str]:
    return {file.name for file in site.rglob("*") if file.suffix in {".br", ".gz"}}


def test_files_that_gain_by_it_get_compressed_copies(site: Path) -> None:
    compress(site)
    assert copies(site) == {"app.js.br", "app.js.gz"}
    app = site / "deep" / "app.js"
    assert gzip.decompress((site / "deep" / "app.js.gz").read_bytes()) == app.read_bytes()


def test_what_was_compressed_once_is_not_again(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compress(site)
    for copy in site.rglob("app.js.*"):
        copy.unlink()
    monkeypatch.setattr(compressing, "run", lambda _command: pytest.fail("it compresses again"))
    compress(site)
    assert copies(site) == {"app.js.br", "app.js.gz"}


def test_a_changed_file_gets_new_copies_and_the_old_are_forgotten(site: Path) -> None:
    compress(site)
    app = site / "deep" / "app.js"
    app.write_text("let b = 2;" * 500)
    compress(site)
    assert gzip.decompress((site / "deep" / "app.js.gz").read_bytes()) == app.read_bytes()
    assert len(list((site.parent / "cache").iterdir())) == 2
