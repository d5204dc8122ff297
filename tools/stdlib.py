"""Pyodide's standard library as a site has it: compiled, and cut in two.

The first file has what pages import while they start. `tools/runtime/_stdlib_rest.py`, which travels in it,
joins the rest to it in the browser when something else is imported.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path

from tools.common import BUILD, STAMPS, BuildError, digest, is_fresh, say, size_of, step, write_stamp
from tools.packages import COMPILER, PYODIDE, compile_zip, compression, pyodide_lock, variant

RUNTIME = Path(__file__).with_name("runtime")
JOINER = RUNTIME / "_stdlib_rest.py"
NAMES = JOINER.with_suffix(".txt").name
AT_START = RUNTIME / "stdlib_at_start.txt"


def ensure_stdlib(*, deflated: bool = False) -> tuple[Path, Path]:
    """Bring the two files up to date: compiled modules start in about half the time.

    Args:
        deflated: each module is, for hosts that compress no zip. Else the host compresses it as a whole.

    Returns:
        What pages import while they start, and the rest.
    """
    whole = _ensure_compiled()
    folder, stamp = BUILD / variant("stdlib", deflated), STAMPS / variant("stdlib", deflated)
    first, rest = folder / "python_stdlib.zip", folder / "python_stdlib_rest.bin"
    key = digest(whole, AT_START, Path(__file__))
    if not is_fresh(stamp, key, [first, rest]):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        parts = split(whole.read_bytes(), modules_at_start(), deflated=deflated)
        for path, content in zip((first, rest), parts, strict=True):
            path.write_bytes(content)
        write_stamp(stamp, key)
        say(f"the standard library has {size_of(first)} at start, and {size_of(rest)} more")
    return first, rest


def _ensure_compiled() -> Path:
    """All of the library in one zip, with the module that joins its parts."""
    compiled, stamp = BUILD / "stdlib-compiled.zip", STAMPS / "stdlib-compiled"
    key = digest(PYODIDE, *COMPILER, JOINER, AT_START, Path(__file__))
    if not is_fresh(stamp, key, [compiled]):
        with step("compiling Pyodide's standard library"):
            stock = (PYODIDE / "python_stdlib.zip").read_bytes()
            compiled.write_bytes(compile_zip(with_joiner(stock, modules_at_start()), _folder_in_pyodide()))
            write_stamp(stamp, key)
    return compiled


def _folder_in_pyodide() -> str:
    major, minor, _micro = str(pyodide_lock()["info"]["python"]).split(".")
    return f"/lib/python{major}{minor}.zip/"


def modules_at_start() -> frozenset[str]:
    """The names in the list; `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in AT_START.read_text().splitlines())
    return frozenset(filter(None, lines))


def with_joiner(stock: bytes, at_start: Collection[str]) -> bytes:
    """The stock zip and the module that completes it, with the names of what it has to look out for.

    Raises:
        BuildError: the library has no such module as the list says.
    """
    output = io.BytesIO(stock)
    with zipfile.ZipFile(output, "a") as archive:
        modules = set(filter(None, map(module_name, archive.namelist())))
        if unknown := set(at_start) - modules:
            raise BuildError(
                f"the standard library has no {', '.join(sorted(unknown))}; mend {AT_START.name}"
            )
        archive.writestr(JOINER.name, JOINER.read_text())
        archive.writestr(NAMES, "\n".join(sorted(modules - set(at_start))))
    return output.getvalue()


def split(library: bytes, at_start: Collection[str], *, deflated: bool = False) -> tuple[bytes, bytes]:
    """The first file, a zip of the modules that are named, and the rest.

    The rest put in the place of the first one's directory is a zip of everything.
    """
    first_names = {*at_start, JOINER.stem}
    with zipfile.ZipFile(io.BytesIO(library)) as source:
        members = [(info, source.read(info)) for info in source.infolist()]
    output = io.BytesIO()
    is_first = [info.filename == NAMES or module_name(info.filename) in first_names for info, _ in members]
    _append(output, (member for member, first in zip(members, is_first, strict=True) if first), deflated)
    first = output.getvalue()
    _append(output, (member for member, first in zip(members, is_first, strict=True) if not first), deflated)
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        return first, output.getvalue()[archive.start_dir :]


def module_name(path: str) -> str | None:
    """The module that a file of the zip is, compiled or not; None when it is none."""
    stem, dot, suffix = path.rpartition(".")
    if not dot or suffix not in {"py", "pyc"}:
        return None
    return stem.removesuffix("/__init__").replace("/", ".")


def _append(archive: io.BytesIO, members: Iterable[tuple[zipfile.ZipInfo, bytes]], deflated: bool) -> None:
    """Add members to a zip: they take the place of its directory, and a new one follows them."""
    with zipfile.ZipFile(archive, "a") as target:
        for info, data in members:
            target.writestr(zipfile.ZipInfo(info.filename, info.date_time), data, **compression(deflated))
