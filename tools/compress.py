"""Compressed copies beside the files of a site, which servers send in their place (`app.js.br`, `app.js.gz`).

Brotli takes half a minute for the interpreter, so what was compressed once is kept by its content.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tools.common import BUILD, files_under, run, step

COMPRESSIBLE = {".bin", ".css", ".html", ".js", ".json", ".mjs", ".py", ".svg", ".wasm", ".whl", ".zip"}
ENCODINGS = (".br", ".gz")
WORTH_IT = 1024
"""Bytes; a smaller file fits into a packet or two as it is."""

_CACHE = BUILD / "compressed"
_SCRIPT = Path(__file__).with_suffix(".mjs")


def compress(site: Path) -> None:
    """Write a brotli and a gzip copy beside each file that may gain by it."""
    files = {
        file: _CACHE / hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files_under(site)
        if file.suffix in COMPRESSIBLE and file.stat().st_size > WORTH_IT
    }
    _fill_cache(files)
    for file, kept in files.items():
        for encoding in ENCODINGS:
            copy = file.with_name(file.name + encoding)
            if not copy.exists() or copy.read_bytes() != kept.with_suffix(encoding).read_bytes():
                shutil.copyfile(kept.with_suffix(encoding), copy)


def _fill_cache(files: dict[Path, Path]) -> None:
    """Compress what has not been before, the largest first, and forget what no file has any more."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    missing = [file for file, kept in files.items() if not _is_kept(kept)]
    missing.sort(key=lambda file: -file.stat().st_size)
    if missing:
        with step(f"compressing {len(missing)} files, once"):
            run(["node", _SCRIPT, *(word for file in missing for word in (file, files[file]))])
    wanted = {kept.name for kept in files.values()}
    for old in _CACHE.iterdir():
        if old.stem not in wanted:
            old.unlink()


def _is_kept(kept: Path) -> bool:
    return all(kept.with_suffix(encoding).is_file() for encoding in ENCODINGS)
