"""The wheel that a site serves: the one for browsers, compiled for the Python of the site's Pyodide.

A page then starts without compiling a hundred modules, nor unpacking and opening as many files: those that
are compiled are in one, where `runtime/_bundle.py` finds them. It fits no other Python, and its name says so;
without sources, tracebacks show names and lines alone. Like the standard library it is stored, not deflated:
servers compress it as a whole, which makes it about half as large as each file by itself would.
"""

from __future__ import annotations

import ast
import hashlib
import marshal
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

from tools.common import BUILD, STAMPS, digest, is_fresh, say, size_of, step, write_stamp
from tools.packages import (
    COMPILER,
    PYODIDE,
    compile_zip,
    ensure_browser_wheel,
    members_of,
    pyodide_lock,
    variant,
    zip_of,
)

PACKAGE = "filesync_web"
BUNDLED = "_bundle.bin"  # as `runtime/_bundle.py` has it
BUNDLE = Path(__file__).parent / "runtime" / "_bundle.py"
PYC_HEADER = 16
"""Bytes of a `.pyc` file in front of its code (PEP 552)."""
MARSHAL_VERSION = 2
"""Of names and bytes alone; any Python writes and reads it alike."""


def ensure_site_wheel(*, deflated: bool = False) -> Path:
    """Bring it up to date with the wheel for browsers, and return it.

    Args:
        deflated: each file of it is, for hosts that do not compress a wheel.
    """
    name, source = variant("site-wheel", deflated), ensure_browser_wheel()
    folder, stamp = BUILD / name, STAMPS / name
    tag = python_tag(str(pyodide_lock()["info"]["python"]))
    wheel = folder / source.name.replace("-py3-", f"-{tag}-")
    key = digest(source, PYODIDE, *COMPILER, BUNDLE, Path(__file__))
    if not is_fresh(stamp, key, [wheel]):
        with step("compiling the browser wheel"):
            compiled = compile_zip(with_bundle(source.read_bytes(), PACKAGE), "")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            wheel.write_bytes(as_wheel(compiled, tag, PACKAGE, deflated=deflated))
            write_stamp(stamp, key)
        say(f"the site's wheel has {size_of(wheel)}")
    return wheel


def python_tag(version: str) -> str:
    """The tag of a CPython version in the names of wheels: `cp314` for 3.14.2."""
    major, minor, _micro = version.split(".")
    return f"cp{major}{minor}"


def with_bundle(sources: bytes, package: str) -> bytes:
    """The zip of a wheel's sources, whose package begins with `_bundle`."""
    members = members_of(sources)
    first = f"{package}/__init__.py"
    members[first] = _importing(members[first].decode(), f"from {package} import _bundle").encode()
    members[f"{package}/_bundle.py"] = BUNDLE.read_bytes()
    return zip_of(members)


def _importing(source: str, statement: str) -> str:
    """The source with a statement in front of its others; on a line of theirs, so that lines keep numbers."""
    body = ast.parse(source).body
    is_description = isinstance(body[0], ast.Expr) if body else False
    others = body[1:] if is_description else body
    if not others:
        return f"{source}\n{statement}\n"
    lines = source.splitlines(keepends=True)
    lines[others[0].lineno - 1] = f"{statement}; {lines[others[0].lineno - 1]}"
    return "".join(lines)


def as_wheel(compiled: bytes, tag: str, package: str, *, deflated: bool = False) -> bytes:
    """The zip of a wheel's compiled files as a wheel for one Python: with its tag, its modules in a bundle,
    and a new RECORD."""
    members = _bundled(members_of(compiled), package)
    (record,) = [name for name in members if name.endswith(".dist-info/RECORD")]
    about = record.replace("RECORD", "WHEEL")
    members[about] = members[about].replace(b"Tag: py3-", f"Tag: {tag}-".encode())
    lines = [_record_line(name, content) for name, content in members.items() if name != record]
    members[record] = "".join([*lines, f"{record},,\n"]).encode()
    return zip_of(members, deflated=deflated)


def _bundled(members: dict[str, bytes], package: str) -> dict[str, bytes]:
    """The members with all compiled modules in one file, but for those two by which it is found."""
    kept = {f"{package}/__init__.pyc", f"{package}/_bundle.pyc"}
    modules = {name for name in members if name.endswith(".pyc")} - kept
    bundle = {name: members[name][PYC_HEADER:] for name in sorted(modules)}
    others = {name: content for name, content in members.items() if name not in modules}
    return {**others, f"{package}/{BUNDLED}": marshal.dumps(bundle, MARSHAL_VERSION)}


def _record_line(name: str, content: bytes) -> str:
    sha256 = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={sha256},{len(content)}\n"
