"""The wheel that a site serves: the one for browsers, compiled for the Python of the site's Pyodide.

A page then starts without compiling a hundred modules. It fits no other Python, and its name says so; without
sources, tracebacks show names and lines alone. Like the standard library it is stored, not deflated: servers
compress it as a whole, which makes it about half as large as each file by itself would.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

from tools.common import BUILD, STAMPS, digest, is_fresh, say, size_of, step, write_stamp
from tools.packages import (
    COMPILER,
    PYODIDE,
    compile_zip,
    compression,
    ensure_browser_wheel,
    pyodide_lock,
    variant,
)


def ensure_site_wheel(*, deflated: bool = False) -> Path:
    """Bring it up to date with the wheel for browsers, and return it.

    Args:
        deflated: each file of it is, for hosts that do not compress a wheel.
    """
    name, source = variant("site-wheel", deflated), ensure_browser_wheel()
    folder, stamp = BUILD / name, STAMPS / name
    tag = python_tag(str(pyodide_lock()["info"]["python"]))
    wheel = folder / source.name.replace("-py3-", f"-{tag}-")
    key = digest(source, PYODIDE, *COMPILER, Path(__file__))
    if not is_fresh(stamp, key, [wheel]):
        with step("compiling the browser wheel"):
            compiled = compile_zip(source.read_bytes(), "")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            wheel.write_bytes(as_wheel(compiled, tag, deflated=deflated))
            write_stamp(stamp, key)
        say(f"the site's wheel has {size_of(wheel)}")
    return wheel


def python_tag(version: str) -> str:
    """The tag of a CPython version in the names of wheels: `cp314` for 3.14.2."""
    major, minor, _micro = version.split(".")
    return f"cp{major}{minor}"


def as_wheel(compiled: bytes, tag: str, *, deflated: bool = False) -> bytes:
    """The zip of a wheel's compiled files as a wheel for one Python: with its tag and a new RECORD."""
    with zipfile.ZipFile(io.BytesIO(compiled)) as source:
        members = {info.filename: (info, source.read(info)) for info in source.infolist()}
    (record,) = [name for name in members if name.endswith(".dist-info/RECORD")]
    info, about = members[record.replace("RECORD", "WHEEL")]
    members[info.filename] = (info, about.replace(b"Tag: py3-", f"Tag: {tag}-".encode()))
    lines = [_record_line(name, content) for name, (_, content) in members.items() if name != record]
    members[record] = (members[record][0], "".join([*lines, f"{record},,\n"]).encode())
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as target:
        for info, content in members.values():
            entry = zipfile.ZipInfo(info.filename, info.date_time)
            entry.external_attr = 0o644 << 16  # readable by everyone, wherever it is unpacked
            target.writestr(entry, content, **compression(deflated))
    return output.getvalue()


def _record_line(name: str, content: bytes) -> str:
    sha256 = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={sha256},{len(content)}\n"
